"""Two runs beside each other: what was asked of them, what came out, and how sure each ratio is."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from peer.measure.comparison import Interval, ratio_interval
from peer.report.measured import Measured, measured
from peer.report.reading import Recorded
from peer.report.series import RunSeries
from topology.errors import InputError

__all__ = ["Compared", "Difference", "Versus", "compare_figures", "compare_runs", "refuse_different_problems"]


@dataclass(frozen=True)
class Difference:
    """A field that is not the same in both runs, such as ``agreement.rounds``; None where one of them lacks it."""

    part: str
    field: str
    first: str | None
    second: str | None


@dataclass(frozen=True)
class Compared:
    """One figure of both runs; ``ratio`` is the second to the first, with its interval where there is one."""

    name: str
    first: Measured
    second: Measured
    ratio: float | None
    interval: Interval | None

    @property
    def equal(self) -> bool:
        """Whether it is known and the same."""
        return self.first.value is not None and self.first.value == self.second.value

    @property
    def varies(self) -> bool:
        """Whether it is not the same, and was measured from rounds: a ratio needs an interval then."""
        return not self.equal and self.first.sampled is not None and self.second.sampled is not None


@dataclass(frozen=True)
class Versus:
    """Two runs.

    Attributes
    ----------
    first, second : Recorded
        Called A and B.
    first_series, second_series : RunSeries
        Of each.
    distance : float or None
        The subspace distance that both are to come to.
    differences : tuple of Difference
        In what was asked, where, and with what.
    figures : mapping of str to Compared
        In the order of the table.
    """

    first: Recorded
    second: Recorded
    first_series: RunSeries
    second_series: RunSeries
    distance: float | None
    differences: tuple[Difference, ...]
    figures: Mapping[str, Compared]

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "runs": {"a": self.first.summary.run_id, "b": self.second.summary.run_id},
            "distance": self.distance,
            "differences": [asdict(difference) for difference in self.differences],
            "figures": {
                name: {
                    "a": one.first.value,
                    "b": one.second.value,
                    "ratio": one.ratio,
                    "interval": None if one.interval is None else list(one.interval),
                    "equal": one.equal,
                    "unknown": [
                        f"{run}: {side.why}"
                        for run, side in (("A", one.first), ("B", one.second))
                        if side.why
                    ],
                }
                for name, one in self.figures.items()
            },
        }


def compare_runs(
    first: tuple[Recorded, RunSeries], second: tuple[Recorded, RunSeries], distance: float | None = None
) -> Versus:
    """Put two runs beside each other.

    Parameters
    ----------
    first, second : tuple of Recorded and RunSeries
        The runs.
    distance : float, optional
        The subspace distance to come to; by default the larger of the final ones, so that both come to it.

    Returns
    -------
    Versus
        What differs.

    Raises
    ------
    InputError
        If their problems are not the same, or a ledger is damaged.
    """
    (a, a_series), (b, b_series) = first, second
    refuse_different_problems(a, b)
    if distance is None:
        finals = [run.summary.subspace_distance for run in (a, b)]
        known = [final.final for final in finals if final is not None and final.final is not None]
        distance = max(known) if len(known) == 2 else None
    figures = compare_figures(measured(a, a_series, distance), measured(b, b_series, distance))
    return Versus(a, b, a_series, b_series, distance, tuple(_differences(a, b)), figures)


def compare_figures(first: Mapping[str, Measured], second: Mapping[str, Measured]) -> dict[str, Compared]:
    """Compare figures of the same names.

    Parameters
    ----------
    first, second : mapping of str to Measured
        Of `peer.report.measured.measured`.

    Returns
    -------
    dict of str to Compared
        In the same order.
    """
    return {name: _compared(name, first[name], second[name]) for name in first}


def _compared(name: str, first: Measured, second: Measured) -> Compared:
    a, b = first.value, second.value
    ratio = b / a if a is not None and b is not None and a > 0 else None
    known = ratio is not None and a != b and first.sampled is not None and second.sampled is not None
    interval = ratio_interval(first.sampled, second.sampled) if known else None  # type: ignore[arg-type]
    return Compared(name, first, second, ratio, interval)


def refuse_different_problems(first: Recorded, second: Recorded) -> None:
    """Raise InputError where two runs learnt something in different features: no ratio of them means anything."""
    if first.shape is not None and second.shape is not None and first.shape[0] != second.shape[0]:
        raise InputError(
            f"A has {first.shape[0]} features and B has {second.shape[0]}: they are of different problems, and a "
            "comparison would mean nothing",
            file=second.path,
            mend="give two runs on the same data",
        )


def _differences(first: Recorded, second: Recorded) -> Iterator[Difference]:
    sides = [dict(_fields(run)) for run in (first, second)]
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        a, b = (side.get(key) for side in sides)
        if a != b:
            yield Difference(*key, a, b)


def _fields(run: Recorded) -> Iterator[tuple[tuple[str, str], str]]:
    summary = run.summary
    yield ("run", "driver"), summary.driver
    yield ("run", "algorithm"), summary.algorithm
    if summary.command is not None:
        yield ("run", "command"), summary.command
    if run.shape is not None:
        yield ("run", "features"), str(run.shape[0])
    if run.unheard:
        yield ("run", "collected without"), ", ".join(sorted(run.unheard))
    for field, value in _flat(run.spec or {}):
        yield ("specification", field), value
    yield ("network", "peers"), str(summary.num_peers)
    yield ("network", "edges"), str(summary.num_edges)
    yield ("network", "gamma"), f"{summary.gamma:.6g}"
    if run.network is not None:
        yield ("network", "mixing"), run.network.mixing
        yield ("network", "names of peers"), ", ".join(run.network.names)
        edges = sorted(tuple(sorted((edge.first, edge.second))) for edge in run.network.edges)
        yield ("network", "which edges"), ", ".join("-".join(edge) for edge in edges)
    for part, version in sorted(summary.versions.items()):
        yield ("versions", part), version
    for part, value in (summary.profile or {}).items():
        yield ("profile", part), value


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in fields.items():
        if key in ("algorithm", "version") and not prefix:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", "none" if value is None else str(value)
