"""Peer facts: what each peer tells of itself before a run, and whether all of it fits together."""

import json
from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from peer.algorithms.requirements import requirements
from peer.config import RunSpec
from peer.program import Facts

_PLENTY = 2**53
"""Rows of a task, above which no fact goes."""


class PeerFact(BaseModel):
    """What one peer brings to a run; all peers hold the same table of them before the first round."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dim: int = Field(ge=1, le=2**53, description="Features d of its data.")
    num_tasks: int = Field(ge=1, le=2**53, description="Its tasks.")
    num_samples: int = Field(ge=1, le=2**53, description="Rows of all its tasks together.")
    min_samples: int = Field(ge=1, le=2**53, description="Rows of its smallest task.")
    max_samples: int = Field(ge=1, le=2**53, description="Rows of its largest task.")
    dtype: str = Field(default="<f8", description="numpy dtype of what it sends.")
    software: str = Field(default="", description="difpeer's version.")
    profile: str = Field(
        default="", description="CPU kernel of BLAS, versions, threads: equal profiles give equal bits."
    )
    algorithm: str = Field(
        default="",
        description="Package, with its version, that the run's algorithm comes from; empty for difpeer's own.",
    )

    def to_bytes(self) -> bytes:
        """Canonical JSON; without ``algorithm`` where that is empty."""
        told = self.model_dump(mode="json", exclude=None if self.algorithm else {"algorithm"})
        return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "PeerFact":
        """Read what a peer told; raises ValueError where it is not a fact."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise ValueError(f"not a peer fact: {error.error_count()} fields are wrong") from error


def network_facts(table: Mapping[str, PeerFact]) -> Facts:
    """Sum the table up: what every program may know of the whole network's data."""
    facts = table.values()
    num_tasks = sum(fact.num_tasks for fact in facts)
    total = sum(fact.num_samples for fact in facts)
    sizes = {fact.min_samples for fact in facts} | {fact.max_samples for fact in facts}
    return Facts(
        num_peers=len(table),
        num_tasks=num_tasks,
        total_samples=total,
        num_samples=total / num_tasks,
        equal_samples=len(sizes) == 1,
        dim=next(iter(facts)).dim,
    )


def verdict(spec: RunSpec, table: Mapping[str, PeerFact]) -> str | None:
    """Why the peers do not fit together, naming them; the same text at every peer. None when they do."""
    for field, mend in (
        ("dim", "give all peers data with the same features"),
        ("dtype", "install the same difpeer version at all peers"),
        ("algorithm", "install the same version of that package at all peers"),
    ):
        told = {name: getattr(fact, field) for name, fact in sorted(table.items())}
        usual, _ = Counter(told.values()).most_common(1)[0]
        odd = [f"{name} ({field} {value})" for name, value in told.items() if value != usual]
        if odd:
            return f"{', '.join(odd)} does not fit the others ({field} {usual}); {mend}"
    facts = network_facts(table)
    smallest = min(table, key=lambda name: (table[name].min_samples, name))
    unfit = requirements(spec, facts.dim, facts.num_tasks, table[smallest].min_samples)
    if unfit is None or requirements(spec, facts.dim, facts.num_tasks, _PLENTY) is not None:
        return unfit  # whatever the tasks' rows
    return f"{unfit} (smallest task: at {smallest})"


def profiles_differ(table: Mapping[str, PeerFact]) -> dict[str, list[str]]:
    """Peers by version and profile where there is more than one: their bits may differ. Else empty."""
    by_profile: dict[str, list[str]] = {}
    for name, fact in sorted(table.items()):
        kind = f"difpeer {fact.software}, {fact.profile}" if fact.software else fact.profile
        by_profile.setdefault(kind, []).append(name)
    return by_profile if len(by_profile) > 1 else {}


def own_fact(task_ptr: NDArray[np.int64], dim: int, *, software: str, profile: str) -> PeerFact:
    """What a peer with these tasks brings to a run; ``task_ptr`` (T + 1,) has the offsets of their rows."""
    sizes = np.diff(task_ptr)
    return PeerFact(
        dim=dim,
        num_tasks=len(sizes),
        num_samples=int(sizes.sum()),
        min_samples=int(sizes.min()),
        max_samples=int(sizes.max()),
        software=software,
        profile=profile,
    )
