"""Two runs in sentences, and their figures as a table's rows."""

from collections.abc import Iterator

from peer.measure.comparison import Interval
from peer.report.traffic import LEVELS
from peer.report.versus import Compared, Versus
from peer.report.wording import amount, listed, ms, number, percent, plural, power, seconds

__all__ = ["HEAD", "doubts", "figure_name", "figure_rows", "figure_value", "ratio_text", "sentence", "story"]

HEAD = ("", "A", "B", "B / A", "95 % interval")
"""Of the table of figures."""

_QUANTILES = {"p50": "half", "p95": "95 of 100", "p99": "99 of 100"}
_COUNTED = ("socket", "message", "payload")


def sentence(versus: Versus) -> str:
    """Say in one line how B does beside A.

    Parameters
    ----------
    versus : Versus
        The runs.

    Returns
    -------
    str
        Without a full stop.
    """
    told = []
    level = next(
        (level for level in _COUNTED if _of(versus, f"bytes_per_round.{level}").ratio is not None), None
    )
    if level is not None:
        told.append(f"B sends {_more(_of(versus, f'bytes_per_round.{level}'), 'bytes')} a round")
    latency = _of(versus, "round_latency_ms.p50")
    if latency.ratio is not None:
        told.append(f"its median round is {_times_as_long(latency)}")
    if not told:
        return "Of these two runs nothing was measured that could be compared"
    return "; ".join(told)


def story(versus: Versus) -> list[str]:
    """Tell in a few paragraphs what differs.

    Parameters
    ----------
    versus : Versus
        The runs.

    Returns
    -------
    list of str
        Plain text.
    """
    return [text for text in (_asked(versus), _sent(versus), _took(versus), _learnt(versus)) if text]


def doubts(versus: Versus) -> list[str]:
    """Say what the comparison does not know.

    Parameters
    ----------
    versus : Versus
        The runs.

    Returns
    -------
    list of str
        Sentences.
    """
    told = []
    if versus.first.summary.run_id == versus.second.summary.run_id:
        told.append("A and B are the same run.")
    if (
        versus.first.summary.algorithm == versus.second.summary.algorithm
        and versus.first.shape != versus.second.shape
    ):
        told.append("The bases are not of the same rank, so their distances are not of the same kind.")
    for side, run in (("A", versus.first), ("B", versus.second)):
        if run.unheard:
            told.append(f"{side} was collected without {listed(sorted(run.unheard))}.")
    told += list(_unknown(versus))
    loose = [
        figure_name(name, versus.distance)
        for name, one in versus.figures.items()
        if one.interval is None and one.ratio is not None and one.varies
    ]
    if loose:
        told.append(
            f"Too few rounds, or too much alike from one to the next, for an interval: {listed(loose)}."
        )
    if any(one.interval is not None for one in versus.figures.values()):
        told.append(
            "Intervals tell how much a figure varies from moment to moment within these two runs. What differs from "
            "start to start, one run of each cannot tell."
        )
    told.append("Whether both runs had the same data is not in their folders.")
    return told


def _unknown(versus: Versus) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for name, one in versus.figures.items():
        for side, measured in (("A", one.first), ("B", one.second)):
            if measured.why:
                reasons.setdefault(f"{side}: {measured.why}", []).append(figure_name(name, versus.distance))
    for why, names in reasons.items():
        yield f"{why} ({listed(names)})."


def figure_rows(versus: Versus) -> list[tuple[str, ...]]:
    """Make the rows of the table of figures, under `HEAD`.

    Parameters
    ----------
    versus : Versus
        The runs.

    Returns
    -------
    list of tuple of str
        A row for each figure that at least one run has.
    """
    return [
        (
            figure_name(name, versus.distance),
            figure_value(name, one.first.value),
            figure_value(name, one.second.value),
            "equal" if one.equal else "" if one.ratio is None else number(one.ratio),
            "" if one.interval is None else _range(one.interval),
        )
        for name, one in versus.figures.items()
        if one.first.value is not None or one.second.value is not None
    ]


def figure_name(name: str, distance: float | None) -> str:
    """What a figure is called.

    Parameters
    ----------
    name : str
        Of `peer.report.measured.measured`.
    distance : float or None
        The ε of ``to_distance``.

    Returns
    -------
    str
        A few words.
    """
    part, _, which = name.partition(".")
    match part:
        case "bytes_per_round":
            return f"bytes a round, {LEVELS[which]}"
        case "round_latency_ms":
            return f"latency of a round, {which}"
        case "to_distance":
            return f"{which} to a distance of {power(distance or 0.0)}"
    return "final distance"


def figure_value(name: str, value: float | None) -> str:
    """A figure's value with its unit.

    Parameters
    ----------
    name : str
        Of `peer.report.measured.measured`.
    value : float or None
        In the unit of the figure.

    Returns
    -------
    str
        For people.
    """
    if value is None:
        return "not known"
    match name.partition(".")[0], name.rpartition(".")[2]:
        case "bytes_per_round", _:
            return amount(value)
        case "round_latency_ms", _:
            return ms(value)
        case "to_distance", "bytes":
            return amount(value)
        case "to_distance", "seconds":
            return seconds(value)
        case "to_distance", _:
            return plural(round(value), "round")
    return power(value)


def ratio_text(ratio: float, interval: Interval | None) -> str:
    """A ratio with its interval: ``1.30 times (1.21 to 1.38)``."""
    return f"{number(ratio)} times" + ("" if interval is None else f" ({_range(interval)})")


def _of(versus: Versus, name: str) -> Compared:
    return versus.figures[name]


def _asked(versus: Versus) -> str:
    parts: dict[str, list[str]] = {}
    for difference in versus.differences:
        told = f"{difference.field} ({difference.first or 'none'} in A, {difference.second or 'none'} in B)"
        parts.setdefault(difference.part, []).append(told if len(told) < 80 else difference.field)
    if not parts:
        return "Specification, network, versions and profile are the same in A and B."
    return (
        "Not the same are: " + "; ".join(f"{part}: {', '.join(told)}" for part, told in parts.items()) + "."
    )


def _sent(versus: Versus) -> str:
    told = []
    for level in LEVELS:
        one = _of(versus, f"bytes_per_round.{level}")
        if one.equal and one.first.value is not None:
            told.append(f"the same at the level {LEVELS[level]} ({amount(one.first.value)})")
        elif one.ratio is not None:
            told.append(f"{_more(one, '')} at the level {LEVELS[level]}")
    return f"B sends, a round: {listed(told)}." if told else ""


def _took(versus: Versus) -> str:
    told = []
    known = [(within, _of(versus, f"round_latency_ms.{name}")) for name, within in _QUANTILES.items()]
    for within, one in known:
        if one.ratio is not None and one.first.value is not None and one.second.value is not None:
            values = f"{ms(one.second.value)} in B and {ms(one.first.value)} in A"
            told.append(f"{within} within {values}, {ratio_text(one.ratio, one.interval)} as long")
    if not told:
        return ""
    text = f"Of the rounds were over: {'; '.join(told)}."
    if all(one.interval is not None and one.interval.low <= 1 <= one.interval.high for _, one in known):
        text += " These intervals contain 1: the ups and downs within the runs explain as much."
    return text


def _learnt(versus: Versus) -> str:
    told = []
    for what in ("rounds", "bytes", "seconds"):
        one = versus.figures.get(f"to_distance.{what}")
        if one is not None and one.equal:
            told.append(f"the same number of {what}" if what != "seconds" else "the same time")
        elif one is not None and one.ratio is not None:
            told.append(f"{ratio_text(one.ratio, one.interval)} the {what}")
    final = _of(versus, "final_distance")
    text = f"To a distance of {power(versus.distance or 0.0)} B needs {listed(told)}. " if told else ""
    if final.first.value is not None and final.second.value is not None:
        text += (
            f"In the end both are at {power(final.first.value)}."
            if final.equal
            else f"In the end A is at {power(final.first.value)} and B at {power(final.second.value)}."
        )
    return text.strip()


def _more(one: Compared, what: str) -> str:
    """``41 % fewer bytes``, ``the same bytes``."""
    assert one.ratio is not None
    noun = f" {what}" if what else ""
    if one.equal:
        return f"the same{noun}"
    if one.ratio > 2:
        return f"{number(one.ratio)} times the{noun or ' bytes'}"
    apart = percent(abs(one.ratio - 1)) if abs(one.ratio - 1) >= 5e-4 else "less than 0.1 %"
    return f"{apart} {'more' if one.ratio > 1 else 'fewer'}{noun}"


def _times_as_long(one: Compared) -> str:
    assert one.ratio is not None
    if one.equal:
        return "as long"
    text = f"{number(one.ratio)} times as long"
    return text if one.interval is None else f"{text} ({_range(one.interval)})"


def _range(interval: Interval) -> str:
    return f"{number(interval.low)} to {number(interval.high)}"
