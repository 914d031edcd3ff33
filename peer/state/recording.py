"""A run record as bytes and back."""

from collections.abc import Mapping
from dataclasses import dataclass

from peer.protocol.messages import Reason, TombKind
from peer.protocol.records import RunRecord, RunState
from peer.state.container import Label, Part, pack, unpack
from peer.state.sense import making_sense, mapping, sequence, text

__all__ = ["KeptRecord", "decode_record", "encode_record"]


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record as it is kept, with what its run rests on at this peer and nobody is told.

    Attributes
    ----------
    record : RunRecord
        As the protocol has it.
    rests_on : dict of str to str
        Digests, by what they are of: the peer's data, the network.
    """

    record: RunRecord
    rests_on: Mapping[str, str]


def encode_record(kept: KeptRecord, peer: str) -> list[Part]:
    """Make the file of a record."""
    record = kept.record
    reason = record.reason
    content = {
        "state": str(record.state),
        "reason": None if reason is None else [str(reason.kind), reason.peer, reason.text],
        "operator": record.operator,
        "peers": list(record.table),
        "rests_on": dict(kept.rests_on),
    }
    return pack(
        _label(peer, record.run),
        content,
        [record.spec, record.fact, record.signature, *record.table.values()],
    )


def decode_record(data: bytes, peer: str, run: str) -> KeptRecord:
    """Read the file of a record.

    Raises
    ------
    Damaged
        If it is not what this peer wrote as the record of this run.
    """
    content, buffers = unpack(data, _label(peer, run))
    with making_sense():
        spec, fact, signature, *facts = map(bytes, buffers)
        told = content["reason"]
        reason = None
        if told is not None:
            kind, who, why = map(text, sequence(told))
            reason = Reason(TombKind(kind), who, why)
        record = RunRecord(
            run,
            spec,
            RunState(content["state"]),
            fact,
            dict(zip(map(text, sequence(content["peers"])), facts, strict=True)),
            reason,
            text(content["operator"]),
            signature,
        )
        rests_on = {name: text(what) for name, what in mapping(content["rests_on"]).items()}
    return KeptRecord(record, rests_on)


def _label(peer: str, run: str) -> Label:
    return Label("record", peer, run)
