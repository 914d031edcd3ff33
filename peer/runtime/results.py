"""The files of a run that a peer hands out: result, ledger, and what the peer says of itself."""

import io
import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from peer.data.prepared import prepared_digest
from peer.measure.ledger import Ledger
from peer.measure.sockets import missing_fields
from peer.measure.versions import software_versions
from peer.protocol.facts import PeerFact
from peer.protocol.launch import facts_of
from peer.protocol.records import Checkpoint, RunRecord
from peer.runtime.owned import Owned
from peer.state.durable import PARTIAL
from peer.wire.control import MAX_CHUNK_BYTES
from peer.wire.requests import Chunk

__all__ = ["LEDGER", "PEER", "RESULT", "chunks", "ledger_file", "peer_file", "result_file"]

RESULT = "result.npz"
LEDGER = "ledger.sqlite"
PEER = "peer.json"


def result_file(final: Checkpoint, owned: Owned) -> bytes:
    """Make ``result.npz``: ``U`` (d, r), and where the owner allows it ``B`` (T, r) with ``task_ids`` (T,).

    ``prepared`` tells for which features ``U`` holds, by their digest.
    """
    arrays: dict[str, Any] = {"U": final.state["U"][0], "prepared": np.array(prepared_digest(owned.local))}
    if owned.share_coefficients and "B" in final.state:
        arrays["B"] = final.state["B"]
        arrays["task_ids"] = np.array(owned.local.task_ids, dtype=np.str_)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def ledger_file(ledger: Ledger, run: str) -> bytes:
    """Make ``ledger.sqlite``: the rows of one run; to be called in the disk's thread."""
    copy = ledger.path.with_name(f".export-{secrets.token_hex(4)}{PARTIAL}")
    try:
        ledger.export(run, copy)
        return copy.read_bytes()
    finally:
        copy.unlink(missing_ok=True)


def peer_file(peer: str, incarnation: int, owned: Owned, record: RunRecord, tls: bool) -> bytes:
    """Make ``peer.json``: the run's spec and facts, versions, profile, what this system cannot measure, TLS."""
    document = {
        "peer": peer,
        "spec": json.loads(record.spec),
        "facts": asdict(facts_of(record.table)),
        "incarnation": incarnation,
        "versions": software_versions(PeerFact.from_bytes(record.fact).algorithm),
        "profile": json.loads(owned.profile),
        "shares_coefficients": owned.share_coefficients,
        "unmeasured": list(missing_fields()),
        "tls": tls,
    }
    return json.dumps(document, sort_keys=True).encode()


def chunks(name: str, data: bytes) -> Iterator[Chunk]:
    """Cut a file into what one message may bear; an empty file is one empty chunk."""
    for start in range(0, max(len(data), 1), MAX_CHUNK_BYTES):
        yield Chunk(name, len(data), data[start : start + MAX_CHUNK_BYTES])
