"""The end of a run: fetch every peer's part, and write the run folder."""

import asyncio
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from peer.config import RunFailed, RunSpec
from peer.measure.collect import merge, require_whole
from peer.measure.figures import ledger_figures, run_seconds
from peer.measure.run_folder import write_run_folder
from peer.measure.summary import Driver, summarize
from peer.measure.versions import common_versions
from peer.program import Array, Facts
from peer.registry import algorithm, parse_spec
from peer.runtime.client import Client, PeerAway
from peer.runtime.results import LEDGER, PEER, RESULT
from topology.errors import InputError
from topology.network import Network

__all__ = ["Collected", "collect", "write_run"]

AT_ONCE = 4
"""Peers whose parts travel at the same time."""

TELL_EVERY_S = 4.0


@dataclass(frozen=True)
class Collected:
    """Every peer's part of a run.

    Attributes
    ----------
    run : str
        Its id.
    spec : RunSpec
        What was asked for.
    facts : Facts
        Of the whole network's data.
    versions : dict of str to str
        Of all peers.
    profile : dict of str to str
        What the peers' bits depend on: processor kernel of BLAS, versions, threads.
    tls : bool
        Whether the peers talk TLS.
    results : dict of str to dict of str to array
        By peer: ``U`` (d, r); ``B`` (T, r) and ``task_ids`` (T,) where its owner shares them.
    ledgers : dict of str to bytes
        By peer: SQLite files; without peers that have a result and no ledger.
    missing : dict of str to str
        Peers that have no result of it any more and what they say, and those that cannot be reached.
    """

    run: str
    spec: RunSpec
    facts: Facts
    versions: dict[str, str]
    profile: dict[str, str]
    tls: bool
    results: dict[str, dict[str, Array]]
    ledgers: dict[str, bytes]
    missing: dict[str, str]


async def collect(
    client: Client, run: str, peers: tuple[str, ...], say: Callable[[str], None] = lambda _: None
) -> Collected:
    """Fetch every peer's part of a finished run, through one peer.

    What one peer has lost, or was made to forget, must not keep the others' parts from being had; nor must a peer
    that has died since.

    Parameters
    ----------
    client : Client
        Of any one peer; a peer that is away is tried as long as it is patient.
    run : str
        The run.
    peers : tuple of str
        All peers of the network.
    say : callable, optional
        Told now and then whose part is still to come.

    Raises
    ------
    NoAnswer
        If the peer asked cannot be reached.
    PeerAway
        If there is no result but perhaps at peers that cannot be reached.
    RunFailed
        If no peer has a result.
    """
    free = asyncio.Semaphore(AT_ONCE)
    fetched: dict[str, dict[str, bytes]] = {}
    missing: dict[str, str] = {}
    away: list[PeerAway] = []

    async def one(peer: str) -> None:
        async with free:
            try:
                fetched[peer] = await client.collect(run, peer)
            except RunFailed as error:
                missing[peer] = str(error)
                if isinstance(error, PeerAway):
                    away.append(error)

    async def tell() -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            to_come = [peer for peer in peers if peer not in fetched and peer not in missing]
            say(f"collecting: the parts of {', '.join(to_come)} are still to come")

    telling = asyncio.create_task(tell())
    try:
        await asyncio.gather(*(one(peer) for peer in peers))
    finally:
        telling.cancel()
    if not fetched and away:
        raise away[0]
    if not fetched:
        raise RunFailed(f"no peer has a result of run {run}: {'; '.join(missing.values())}")
    parts = {peer: fetched[peer] for peer in peers if peer in fetched}
    documents = {peer: _document(peer, files) for peer, files in parts.items()}
    first = next(iter(documents.values()))
    return Collected(
        run,
        parse_spec(first["spec"]),
        Facts(**first["facts"]),
        common_versions({peer: document["versions"] for peer, document in documents.items()}),
        common_versions({peer: _told(document["profile"]) for peer, document in documents.items()}),
        first.get("tls", False),  # peers of an earlier version could not
        {peer: _arrays(files[RESULT]) for peer, files in parts.items()},
        {peer: files[LEDGER] for peer, files in parts.items() if LEDGER in files},
        {peer: missing[peer] for peer in peers if peer in missing},
    )


def write_run(
    path: Path,
    collected: Collected,
    network: Network,
    *,
    driver: Driver,
    wall_s: float | None,
    matches_simulation: bool | None = None,
    command: str | None = None,
) -> dict[str, Any]:
    """Write the run folder and return its summary.

    Parameters
    ----------
    path : Path
        The folder to make.
    collected : Collected
        Every peer's part.
    network : Network
        On which it ran.
    driver : {"processes", "network"}
        What ran it.
    wall_s : float or None
        From the submit to the last peer's end, seconds; None where nobody has looked on: then as the peers have it.
    matches_simulation : bool, optional
        Whether the exact simulation gave the same digests; None where it was not run.
    command : str, optional
        The command line that does the same again, where one is enough.

    Raises
    ------
    InputError
        If the folder exists or cannot be written.
    """
    spec = collected.spec
    with TemporaryDirectory(prefix="difpeer-") as scratch:
        ledgers, unread = _ledgers(collected, Path(scratch))
        # Of all peers: what one of them has lost, another one knows.
        together = Path(scratch) / "_together.sqlite"  # no peer has such a name
        merge(ledgers, together)
        summary = summarize(
            run_id=collected.run,
            driver=driver,
            spec=spec,
            network=network,
            figures=ledger_figures(together),
            bases={peer: arrays["U"] for peer, arrays in collected.results.items()},
            schedule=algorithm(spec.algorithm).predicted(spec, network, collected.facts),
            versions=collected.versions,
            wall_s=run_seconds(ledgers) if wall_s is None else wall_s,
            matches_simulation=matches_simulation,
            missing=collected.missing,
            missing_ledgers=unread,
            profile=collected.profile,
            tls=collected.tls,
            command=command,
        )
        write_run_folder(
            path, summary=summary, spec=spec, network=network, results=collected.results, ledgers=[together]
        )
    return summary


def _ledgers(collected: Collected, folder: Path) -> tuple[list[Path], dict[str, str]]:
    """Put the peers' ledgers into a folder; those that cannot be used are left out, with the reason."""
    found, unread = [], {}
    for peer in collected.results:
        path = folder / f"{peer}.sqlite"
        if peer not in collected.ledgers:
            unread[peer] = f"{peer} could not read its ledger; its log says why"
            continue
        path.write_bytes(collected.ledgers[peer])
        try:
            require_whole(path)
        except InputError as error:
            unread[peer] = f"the ledger of {peer} {error.problem}"
        else:
            found.append(path)
    return found, unread


def _document(peer: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    missing = [name for name in (RESULT, PEER) if name not in files]
    if missing:
        raise RunFailed(f"{peer} sent no {', '.join(missing)}; collect again with --attach")
    document: dict[str, Any] = json.loads(files[PEER])
    return document


def _told(profile: Mapping[str, Any]) -> dict[str, str]:
    return {
        part: " ".join(map(str, value)) if isinstance(value, list) else str(value)
        for part, value in profile.items()
    }


def _arrays(data: bytes) -> dict[str, Array]:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
