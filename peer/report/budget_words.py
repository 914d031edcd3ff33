"""What came of a budget, a line for each limit."""

from collections.abc import Sequence

from peer.report.budget import Held
from peer.report.versus_words import figure_name, figure_value
from peer.report.wording import percent, plural

__all__ = ["held_line", "outcome"]

_TIMES = " times BASE"


def held_line(one: Held, distance: float | None) -> str:
    """Say whether a limit holds, by how much it is exceeded, and how sure that is.

    Parameters
    ----------
    one : Held
        Of `peer.report.budget.hold`.
    distance : float or None
        That of the budget.

    Returns
    -------
    str
        Begins with the verdict.
    """
    text = f"{one.verdict:<9} {figure_name(one.name, distance)}: "
    limit = _told(one, one.limit)
    if one.found is None:
        return f"{text}cannot be told, {one.why} (limit {limit})"
    text += _told(one, one.found)
    if one.interval is not None:
        low, high = (_told(one, end).removesuffix(_TIMES) for end in one.interval)
        text += f" ({low} to {high})"
    if one.verdict == "ok":
        return f"{text}, limit {limit}"
    above = one.found / one.limit - 1
    text += f", {percent(above) if above >= 5e-4 else 'less than 0.1 %'} above the limit {limit}"
    if one.beyond is None:
        return text
    return f"{text}; the excess is {'beyond' if one.beyond else 'within'} the interval"


def outcome(held: Sequence[Held]) -> str:
    """Say what came of all limits together.

    Parameters
    ----------
    held : sequence of Held
        Of `peer.report.budget.hold`.

    Returns
    -------
    str
        A line.
    """
    exceeded, unknown = (sum(one.verdict == verdict for one in held) for verdict in ("exceeded", "unknown"))
    parts = [f"{plural(exceeded, 'limit')} exceeded"] if exceeded else []
    parts += [f"{plural(unknown, 'limit')} cannot be told"] if unknown else []
    return ", ".join(parts) if parts else f"within the budget ({plural(len(held), 'limit')})"


def _told(one: Held, value: float) -> str:
    return f"{value:.4g}{_TIMES}" if one.kind == "times_base" else figure_value(one.name, value)
