"""Small networks and multi-task problems, and the oracle's cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from peer.algorithms.problem import Problem
from peer.config import DifAltgdminSpec
from peer.data.store import LocalData
from peer.program import Array, Facts
from peer.registry import parse_spec
from topology.network import Network

DATA = Path(__file__).parents[1] / "data"

KITE = [("p0", "p1"), ("p0", "p2"), ("p1", "p2"), ("p1", "p3"), ("p3", "p4")]
"""Five peers of degrees 1, 2 and 3."""


def network_of(edges: Sequence[tuple[str, str]], mixing: str = "metropolis") -> Network:
    names = sorted({name for edge in edges for name in edge})
    return Network.model_validate(
        {
            "name": "test",
            "mixing": mixing,
            "peers": {name: {} for name in names},
            "edges": [{"first": min(edge), "second": max(edge), "dial": None} for edge in edges],
        }
    )


@dataclass(frozen=True)
class Tasks:
    """The rows of all peers' tasks, peer after peer in the order of their names."""

    names: tuple[str, ...]
    X: Array
    y: Array
    task_ptr: Array
    peer_tasks: Array
    U_true: Array

    @property
    def facts(self) -> Facts:
        counts = np.diff(self.task_ptr)
        return Facts(
            num_peers=len(self.names),
            num_tasks=len(counts),
            total_samples=len(self.y),
            num_samples=len(self.y) / len(counts),
            equal_samples=bool((counts == counts[0]).all()),
            dim=self.X.shape[1],
        )

    def block(self, names: tuple[str, ...]) -> Problem:
        """The problem of some peers, each with its own copy of its rows."""
        peers = [self.names.index(name) for name in names]
        tasks = np.concatenate([np.arange(*self.peer_tasks[p : p + 2]) for p in peers])
        rows = np.concatenate([np.arange(*self.task_ptr[t : t + 2]) for t in tasks])
        task_ptr = np.concatenate([[0], np.cumsum(np.diff(self.task_ptr)[tasks])])
        peer_tasks = np.concatenate([[0], np.cumsum(np.diff(self.peer_tasks)[peers])])
        return Problem(self.X[rows], self.y[rows], task_ptr, peer_tasks, self.facts)

    def all(self) -> Problem:
        return self.block(self.names)


def make_tasks(
    names: Sequence[str],
    tasks_per_peer: Sequence[int],
    samples: int | tuple[int, int],
    dim: int = 12,
    rank: int = 2,
    noise: float = 0.0,
    seed: int = 0,
) -> Tasks:
    """Gaussian tasks on a common subspace; ``samples`` is a number or a range (both ends included)."""
    rng = np.random.default_rng(seed)
    num_tasks = sum(tasks_per_peer)
    low, high = (samples, samples) if isinstance(samples, int) else samples
    counts = rng.integers(low, high + 1, size=num_tasks)
    U_true = np.linalg.qr(rng.standard_normal((dim, rank)))[0]
    B = rng.standard_normal((num_tasks, rank))
    X = rng.standard_normal((counts.sum(), dim))
    signal = np.einsum("nd,nd->n", X, np.repeat(B @ U_true.T, counts, axis=0))
    y = signal + noise * rng.standard_normal(len(signal))
    starts = np.concatenate([[0], np.cumsum(counts)])
    return Tasks(tuple(names), X, y, starts, np.concatenate([[0], np.cumsum(tasks_per_peer)]), U_true)


def dif_spec(**fields: object) -> DifAltgdminSpec:
    spec = parse_spec({"algorithm": "dif-altgdmin", **fields})
    assert isinstance(spec, DifAltgdminSpec)
    return spec


@dataclass(frozen=True)
class OracleCase:
    """One file of the oracle: arrays, network, tasks and the specification of its run."""

    arrays: dict[str, Array]
    network: Network
    tasks: Tasks
    spec: DifAltgdminSpec


ORACLE_SEEDS = {"tiny": 1, "small": 2, "noisy": 3}


def oracle_case(name: str) -> OracleCase:
    with np.load(DATA / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    num_peers = len(arrays["adjacency"])
    names = tuple(f"p{i}" for i in range(num_peers))
    edges = [(names[i], names[j]) for i, j in np.argwhere(np.triu(arrays["adjacency"]))]
    order = np.lexsort((np.arange(len(arrays["y"])), arrays["task"], arrays["peer"]))
    task, peer = arrays["task"][order], arrays["peer"][order]
    starts = np.flatnonzero(np.concatenate([[True], (task[1:] != task[:-1]) | (peer[1:] != peer[:-1])]))
    tasks = Tasks(
        names,
        arrays["X"][order],
        arrays["y"][order],
        np.append(starts, len(task)),
        np.searchsorted(peer[starts], np.arange(num_peers + 1)),
        arrays["U_true"],
    )
    rounds = int(arrays["init_agreement_rounds"])
    spec = dif_spec(
        seed=ORACLE_SEEDS[name],
        rank=int(arrays["rank"]),
        iterations=len(arrays["sd_dif"]) - 1,
        agreement={"rounds": int(arrays["agreement_rounds"])},
        init={"power_iterations": int(arrays["power_iterations"]), "agreement_rounds": rounds},
    )
    return OracleCase(arrays, network_of(edges), tasks, spec)


def local_data(tasks: Tasks) -> dict[str, LocalData]:
    """The same rows as peers keep them."""
    data = {}
    for p, name in enumerate(tasks.names):
        first, last = tasks.peer_tasks[p : p + 2]
        ptr = tasks.task_ptr[first : last + 1]
        data[name] = LocalData(
            task_ids=tuple(f"{p}-{t:03}" for t in range(last - first)),
            task_ptr=ptr - ptr[0],
            X=tasks.X[ptr[0] : ptr[-1]],
            y=tasks.y[ptr[0] : ptr[-1]],
            features=tuple(f"x{j}" for j in range(tasks.X.shape[1])),
        )
    return data
