"""Budgets of communication: what a run may cost, alone or beside an older one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from peer.measure.comparison import Interval, interval
from peer.report.versus import Compared, Versus
from topology.errors import InputError
from topology.yamlfile import load_yaml, validate

__all__ = ["Budget", "Held", "Limit", "Verdict", "hold", "read_budget"]

Verdict = Literal["ok", "exceeded", "unknown"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Limit(_Section):
    """What one figure may be; both where both are given."""

    times_base: float | None = Field(default=None, gt=0, description="At most so many times what BASE has.")
    at_most: float | None = Field(default=None, gt=0, description="At most this, in the unit of the figure.")

    @model_validator(mode="after")
    def _says_something(self) -> "Limit":
        if self.times_base is None and self.at_most is None:
            raise ValueError("no limit: give times_base or at_most")
        return self


class BytesBudget(_Section):
    """Bytes that all peers send in a round, the mean over the run."""

    payload: Limit | None = Field(default=None, description="Values as encoded.")
    message: Limit | None = Field(default=None, description="Their envelopes as handed to gRPC.")
    socket: Limit | None = Field(default=None, description="All that TCP carried.")
    wire_estimate: Limit | None = Field(default=None, description="With headers of link, IP and TCP.")


class LatencyBudget(_Section):
    """Latency of a round, ms, over all rounds and peers."""

    p50: Limit | None = Field(default=None, description="Median.")
    p95: Limit | None = Field(default=None, description="95 % quantile.")
    p99: Limit | None = Field(default=None, description="99 % quantile.")


class DistanceBudget(_Section):
    """What it takes to come to a subspace distance for the first time."""

    distance: float = Field(gt=0, description="The distance, that of the peer that is furthest away.")
    rounds: Limit | None = Field(default=None, description="Rounds.")
    bytes: Limit | None = Field(default=None, description="Bytes of messages that all peers have sent.")
    seconds: Limit | None = Field(default=None, description="Seconds since the first round.")


class Budget(_Section):
    """What a run may cost."""

    version: Literal[1] = Field(default=1, description="Version of this format.")
    bytes_per_round: BytesBudget | None = Field(default=None, description="Bytes a round, by level.")
    round_latency_ms: LatencyBudget | None = Field(default=None, description="Latency of a round.")
    to_distance: DistanceBudget | None = Field(
        default=None, description="Rounds, bytes and seconds to a distance."
    )

    def limits(self) -> Iterator[tuple[str, Limit]]:
        """Each limit with the name of its figure, as `peer.report.measured.measured` has it."""
        for part in ("bytes_per_round", "round_latency_ms", "to_distance"):
            section = getattr(self, part)
            for which in type(section).model_fields if section is not None else ():
                limit = getattr(section, which)
                if isinstance(limit, Limit):
                    yield f"{part}.{which}", limit


@dataclass(frozen=True)
class Held:
    """One limit held against a run.

    Attributes
    ----------
    name : str
        The figure.
    kind : {"times_base", "at_most"}
        Of the limit.
    limit : float
        A ratio, or a number in the unit of the figure.
    verdict : {"ok", "exceeded", "unknown"}
        Whether the figure is within it.
    found : float or None
        What is held against the limit.
    interval : Interval or None
        Where it lies, with 95 %.
    beyond : bool or None
        Of an excess: whether the whole interval is above the limit; None where there is no interval.
    why : str
        Why the verdict is unknown.
    """

    name: str
    kind: Literal["times_base", "at_most"]
    limit: float
    verdict: Verdict
    found: float | None = None
    interval: Interval | None = None
    beyond: bool | None = None
    why: str = ""


def read_budget(path: Path) -> Budget:
    """Read a budget.

    Parameters
    ----------
    path : Path
        A YAML file.

    Returns
    -------
    Budget
        With one limit at least.

    Raises
    ------
    InputError
        If it cannot be read, has unknown keys, or says nothing.
    """
    budget = validate(Budget, load_yaml(path), path)
    if not any(True for _ in budget.limits()):
        raise InputError(
            "has no limit, so that every run would be within it",
            file=path,
            mend="give one, such as bytes_per_round: {socket: {times_base: 1.02}}",
        )
    return budget


def hold(budget: Budget, versus: Versus) -> list[Held]:
    """Hold a run against a budget.

    Parameters
    ----------
    budget : Budget
        What it may cost.
    versus : Versus
        BASE and the run, with the budget's distance.

    Returns
    -------
    list of Held
        One for each limit.
    """
    found = []
    for name, limit in budget.limits():
        one = versus.figures[name]
        if limit.times_base is not None:
            found.append(_times_base(one, limit.times_base))
        if limit.at_most is not None:
            found.append(_at_most(one, limit.at_most))
    return found


def _times_base(one: Compared, limit: float) -> Held:
    if one.second.value is None or one.first.value is None:
        side, measured = ("RUN", one.second) if one.second.value is None else ("BASE", one.first)
        return Held(one.name, "times_base", limit, "unknown", why=f"{side}: {measured.why}")
    if one.equal and one.ratio is None:
        return _held(one.name, "times_base", limit, 1.0, None)
    if one.ratio is None:
        return Held(
            one.name, "times_base", limit, "unknown", why="BASE has 0, of which nothing is a multiple"
        )
    return _held(one.name, "times_base", limit, one.ratio, one.interval)


def _at_most(one: Compared, limit: float) -> Held:
    value, sampled = one.second.value, one.second.sampled
    if value is None:
        return Held(one.name, "at_most", limit, "unknown", why=f"RUN: {one.second.why}")
    return _held(one.name, "at_most", limit, value, None if sampled is None else interval(sampled))


def _held(
    name: str, kind: Literal["times_base", "at_most"], limit: float, found: float, lies: Interval | None
) -> Held:
    if found <= limit:
        return Held(name, kind, limit, "ok", found, lies)
    return Held(name, kind, limit, "exceeded", found, lies, None if lies is None else lies.low > limit)
