"""What a run that is resumed rests on at this peer: its bits are the same only where that has not changed."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from peer.data.manifest import read_manifest
from peer.protocol.facts import PeerFact
from peer.protocol.records import RunRecord, RunState
from peer.registry import source_of, spec_head
from peer.state.resuming import HeldRun, delete_mend
from topology.errors import InputError
from topology.network import Network

__all__ = ["refuse_changes", "rests_on", "resumes_from"]

DATA = "data"
NETWORK = "network"


def rests_on(data: Path, network: Network) -> dict[str, str]:
    """Digests of what a run rests on beside the peer's fact.

    A fact tells numbers of the data only, and neighbours compare the network files of peers that are on.

    Parameters
    ----------
    data : Path
        The peer's own folder.
    network : Network
        Its addresses may change.
    """
    graph = {
        "peers": network.names,
        "edges": [(edge.first, edge.second) for edge in network.edges],
        "mixing": network.mixing,
    }
    digest = hashlib.sha256(json.dumps(graph, sort_keys=True, separators=(",", ":")).encode())
    return {DATA: read_manifest(data).digest, NETWORK: digest.hexdigest()}


def refuse_changes(held: Iterable[HeldRun], own: PeerFact, rests_on: Mapping[str, str], state: Path) -> None:
    """Refuse to start where a run that is on was begun with something else.

    Raises
    ------
    InputError
        With what has changed, and the mend.
    """
    for run in held:
        changes = list(_changes(run, own, rests_on))
        if changes:
            raise InputError(
                f"run {run.record.run} is {run.record.state} and was begun with {' and '.join(changes)}",
                file=run.file,
                mend=f"start with what it was begun with, or {delete_mend(run.record.run, state)}",
            )


def resumes_from(run: HeldRun) -> str:
    """Say where a run that is accepted or running goes on."""
    record = run.record
    if record.state is RunState.ACCEPTED:
        return f"run {record.run} resumes before its first round"
    if not run.checkpoints:
        return f"run {record.run} resumes from its start: it had no checkpoint yet"
    newest = run.checkpoints[-1]
    return f"run {record.run} resumes from round {newest.round} (checkpoint {newest.index})"


def _changes(run: HeldRun, own: PeerFact, rests_on: Mapping[str, str]) -> Iterator[str]:
    record = run.record
    on = record.live or (record.state is RunState.DONE and record.reason is None)
    if on and run.rests_on[NETWORK] != rests_on[NETWORK]:
        yield "another network file (peers, edges or mixing rule)"
    known = _fact(record)
    if on and known is not None and known.algorithm != (source := _source(record)):
        yield f"the algorithm of {known.algorithm or 'difpeer'} (now {source or 'that of difpeer'})"
    if not record.live:
        return
    if known is None:
        yield "another version of difpeer"
        return
    if run.rests_on[DATA] != rests_on[DATA]:
        yield "other data than are in the data folder now"
    if known.software != own.software:
        yield f"difpeer {known.software} (now {own.software})"
    before, now = _profile(known.profile), _profile(own.profile)
    for field in sorted(before.keys() | now.keys()):
        if before.get(field) != now.get(field):
            yield f"{field} {before.get(field)} (now {now.get(field)})"


def _fact(record: RunRecord) -> PeerFact | None:
    try:
        return PeerFact.from_bytes(record.fact)
    except ValueError:
        return None


def _source(record: RunRecord) -> str:
    try:
        return source_of(spec_head(record.spec).algorithm)
    except InputError as error:
        return f"none: {error.problem}"


def _profile(text: str) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(text)
    return described
