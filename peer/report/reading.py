"""A run folder as the report needs it: what is there is read and checked, what is missing is named."""

import sqlite3
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from peer.measure.run_folder import LEDGER, NETWORK, RESULTS, SPEC, SUMMARY, read_summary
from peer.measure.schema import check_size, open_ledger
from topology.errors import InputError
from topology.network import Network, read_network
from topology.yamlfile import load_yaml, validate

__all__ = ["Recorded", "Summary", "open_books", "read_recorded"]

_MEND = "collect the run again with `difpeer run --attach RUN`"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Distances(_Part):
    """The largest distance of any peer to the true subspace, by iteration."""

    final: float | None
    trace: list[float | None]


class Bytes(_Part):
    """Bytes that all peers sent, by level."""

    payload: int
    message: int | None
    socket: int | None
    wire_estimate: int | None
    resent: int
    predicted_payload: int | None
    uncounted_connections: int = 0
    told_by_receiver: int = 0
    known_of_missing: int = 0


class Planned(_Part):
    """Rounds with one label that the algorithm's schedule has, and the payload of one message of them."""

    label: str
    rounds: int
    payload_bytes: int


class Latency(_Part):
    """Quantiles of all rounds of all peers, in milliseconds."""

    p50: float | None
    p95: float | None
    p99: float | None


class Summary(_Part):
    """The keys of ``summary.json`` that the report tells."""

    run_id: str
    algorithm: str
    driver: str
    num_peers: int
    num_edges: int
    gamma: float
    iterations: int
    rounds: int
    subspace_distance: Distances | None
    consensus_error: float | None
    moved: dict[str, float] | None = None
    bytes: Bytes
    round_latency_ms: Latency
    wall_s: float
    versions: dict[str, str]
    matches_simulation: bool | None
    missing_peers: dict[str, str] = {}
    missing_ledgers: dict[str, str] = {}
    schedule: list[Planned] | None = None
    profile: dict[str, str] | None = None
    tls: bool | None = None
    command: str | None = None


@dataclass(frozen=True)
class Recorded:
    """What a run folder has.

    Attributes
    ----------
    path : Path
        The folder.
    summary : Summary
        Checked.
    spec : mapping or None
        What was asked for, as it stands in the file: the package of its algorithm may not be installed here.
    network : Network or None
        On which network.
    ledger : Path or None
        Rows of all peers; None of a simulation.
    shape : tuple of int or None
        Features d and rank r of the result.
    """

    path: Path
    summary: Summary
    spec: Mapping[str, Any] | None
    network: Network | None
    ledger: Path | None
    shape: tuple[int, int] | None

    @property
    def shared_clock(self) -> bool:
        """Whether all peers ran on one machine for certain, and so with one clock."""
        return self.summary.driver == "processes"

    @property
    def unheard(self) -> frozenset[str]:
        """Peers whose ledgers are not here."""
        return frozenset({*self.summary.missing_peers, *self.summary.missing_ledgers})

    @property
    def unheard_edges(self) -> tuple[tuple[str, str], ...]:
        """Edges of which neither end's ledger is here."""
        edges = () if self.network is None else self.network.edges
        return tuple((e.first, e.second) for e in edges if self.unheard.issuperset((e.first, e.second)))


def read_recorded(folder: Path) -> Recorded:
    """Read a run folder.

    Of a simulation, which has no ledger, only the summary must be there.

    Parameters
    ----------
    folder : Path
        The run's folder.

    Returns
    -------
    Recorded
        With a ledger of this version, if the run has one.

    Raises
    ------
    InputError
        If it is no run's folder, or a part is missing, damaged or of another version.
    """
    if not (folder / SUMMARY).is_file():
        others = [name for name in (SPEC, NETWORK, LEDGER) if (folder / name).exists()]
        if others:
            raise InputError(
                f"is missing; there is only {', '.join(others)}", file=folder / SUMMARY, mend=_MEND
            )
        raise InputError(
            f"is not a run's folder: it has no {SUMMARY}",
            file=folder,
            field="RUN",
            mend="give the folder that `difpeer demo` or `run` printed",
        )
    summary = validate(Summary, read_summary(folder / SUMMARY), folder / SUMMARY)
    ledger = folder / LEDGER
    simulated = summary.driver == "simulation"
    if ledger.exists() or not simulated:
        if not ledger.is_file():
            raise InputError(
                f"is missing, and the run was no simulation ({summary.driver})", file=ledger, mend=_MEND
            )
        open_ledger(ledger).close()
    wanted = (path for path in (SPEC, NETWORK) if not simulated or (folder / path).exists())
    parts = set(wanted)
    return Recorded(
        path=folder,
        summary=summary,
        spec=load_yaml(folder / SPEC) if SPEC in parts else None,
        network=read_network(folder / NETWORK) if NETWORK in parts else None,
        ledger=ledger if ledger.exists() else None,
        shape=_shape(folder / RESULTS),
    )


@contextmanager
def open_books(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a run's ledger for the time of a ``with`` block.

    Parameters
    ----------
    path : Path
        The ledger.

    Returns
    -------
    iterator of sqlite3.Connection
        Read-only but for its temporary tables.

    Raises
    ------
    InputError
        If it is not a ledger of this version, or damaged; also out of the queries of the block.
    """
    try:
        with closing(open_ledger(path)) as books:
            check_size(books, path)
            yield books
    except sqlite3.DatabaseError as error:
        raise InputError(f"is damaged ({error})", file=path, mend=_MEND) from error


def _shape(results: Path) -> tuple[int, int] | None:
    """The result's shape; None where no peer's result can be read: the report can do without."""
    for path in sorted(results.glob("*.npz")):
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                dim, rank = file["U"].shape
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            continue
        return int(dim), int(rank)
    return None
