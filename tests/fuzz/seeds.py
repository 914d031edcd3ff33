"""Inputs to begin with, one of every kind at least, and words that random changes would not find."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain

import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from peer.config import canonical_spec
from peer.identity.certificates import issue
from peer.protocol.messages import (
    DONE,
    PROTOCOL_VERSION,
    Attach,
    Closed,
    Confirm,
    Done,
    Durable,
    Fact,
    Goodbye,
    Hello,
    Offer,
    OldIncarnation,
    Reason,
    Tomb,
    TombKind,
    Value,
)
from peer.protocol.payload import Tensor, payload_digest
from peer.protocol.records import RunState
from peer.state.checkpoints import encode_checkpoint
from peer.state.container import Part
from peer.state.recording import encode_record
from peer.wire.control import encode
from peer.wire.envelope import encode_message
from peer.wire.reach import encode_piece
from peer.wire.requests import (
    CancelReply,
    CancelRequest,
    Chunk,
    CollectRequest,
    LinkStatus,
    RunStatus,
    StatusReply,
    StatusRequest,
    SubmitReply,
    SubmitRequest,
    WatchReply,
    WatchRequest,
)
from tests.fuzz.neighbour import OWN, joined
from tests.fuzz.targets import INDEX, KINDS, NAMES, OTHER_FACT, PEER, RUN, SPEC
from tests.unit.state.samples import checkpoint, failed, kept

NOTHING_KNOWN = bytes(32)
_SPEC = canonical_spec(SPEC)
_REASON = Reason(TombKind.FAILED, "p2", "p2: ∅")
_STATUS = RunStatus(
    RUN, RunState.RUNNING, None, "dif-altgdmin", 3, 9, 17, "descent", ("p0", "p2"), 1.5, "round"
)


def _value(number: int, *tensors: Tensor) -> Value:
    return Value(RUN, number, number, "descent", tensors, payload_digest(number, "descent", tensors), 0)


_HELLO = Hello(PROTOCOL_VERSION, "p0", 1, 1, "difpeer 0.1")
_MESSAGES = {
    "hello": _HELLO,
    "old": OldIncarnation(7),
    "goodbye": Goodbye("bye"),
    "offer": Offer(RUN, _SPEC),
    "fact": Fact(RUN, "p0", OTHER_FACT.to_bytes()),
    "tomb": Tomb(RUN, _REASON),
    "done": Done(RUN, "p0"),
    "closed": Closed(RUN),
    "attach": Attach(RUN, NOTHING_KNOWN, 0, 0),
    "durable": Durable(RUN, DONE),
    "value": _value(0, *OWN),
    "next": _value(1, *OWN),
    "mixed": _value(
        0, Tensor("<f4", (2, 3), bytes(24)), Tensor("|b1", (2,), b"\x00\x01"), Tensor("<i8", (0,), b"")
    ),
    "confirm": Confirm(RUN, 0, 0, payload_digest(0, "descent", OWN), 0),
}
_ENVELOPES = {name: encode_message(message) for name, message in _MESSAGES.items()}

_BEGIN = ("hello", "offer", "fact", "attach", "value")
_TALKS: Sequence[Sequence[str]] = (
    ("hello",),
    ("value",),
    ("hello", "hello"),
    ("hello", "old"),
    (*_BEGIN, "next"),
    (*_BEGIN, "value", "confirm"),
    (*_BEGIN, "durable", "tomb"),
    (*_BEGIN, "done", "closed"),
    (*_BEGIN, "goodbye"),
    ("hello", "tomb", "offer"),
)

_CONTROL: Sequence[object] = (
    SubmitRequest("p1", RUN, _SPEC, 1),
    SubmitReply(RUN, RunState.TOMB, _REASON, ""),
    StatusRequest("", 0),
    StatusReply("p1", 2, 3.5, "difpeer", "name: lab\n", (_STATUS,), (LinkStatus("p0", True, 2.0, "up"),)),
    WatchRequest("p1", RUN, 250, 0),
    WatchReply(_STATUS, {"distance": 0.5}, 10, 20, None),
    CancelRequest("", RUN, "enough", 0),
    CancelReply(RunState.TOMB),
    CollectRequest("p2", RUN, 3),
    Chunk("result.npz", 4, b"abcd"),
)

_BORN = datetime(2026, 1, 1, tzinfo=UTC)
_PRIVATE = ec.derive_private_key(7, ec.SECP256R1())  # of nobody
_CERTIFICATE = issue("p0", _PRIVATE, _BORN, timedelta(days=1)).pem

_KEY = "sha256:" + "0f" * 32
_NETWORK = f"""name: lab
mixing: metropolis
peers:
  p0: {{address: "127.0.0.1:7100", key: "{_KEY}"}}
  p1: {{address: "[::1]:7101", key: ["{_KEY}", "{_KEY}"]}}
  p2: {{}}
edges: [[p0, p1], {{peers: [p1, p2], dial: p2}}]
operators: {{alice: "{_KEY}"}}
"""
_SPEC_FILE = yaml.safe_dump(SPEC.model_dump(mode="json"))


def _inside(file: Sequence[Part]) -> bytes:
    """What is sealed: the header, a zero byte, the buffers."""
    whole = b"".join(file)
    header = int.from_bytes(whole[12:16], "little")
    return whole[60 : 60 + header] + b"\0" + whole[60 + header :]


_CHECKPOINTS = [checkpoint(INDEX, run=RUN, final=final, dim=2) for final in (False, True)]
_RECORDS = [kept(run=RUN), kept(RunState.TOMB, run=RUN, reason=failed()), kept(RunState.ACCEPTED, run=RUN)]

SEEDS: dict[str, Sequence[bytes]] = {
    "envelope": list(_ENVELOPES.values()),
    "neighbour": [joined(*((1, _ENVELOPES[name]) for name in talk)) for talk in _TALKS]
    + [joined((1, _ENVELOPES["hello"]), (2, _ENVELOPES["hello"]), (1, None), (2, _ENVELOPES["offer"]))],
    "control": [bytes([KINDS.index(type(message))]) + encode(message) for message in _CONTROL],
    "fact": [OTHER_FACT.to_bytes()],
    "spec": [_SPEC, b'{"algorithm":"dif-altgdmin","rank":1,"iterations":1,"tolerance":1e-5}'],
    "spec-file": [
        _SPEC_FILE.encode(),
        b"algorithm: dif-altgdmin\nrank: 4\niterations: 150\nstep: {c_eta: 4e-1}\n",
    ],
    "network-file": [_NETWORK.encode(), b"name: a\npeers: {a: {}, b: {}}\nedges: [[a, b]]\n"],
    "checkpoint": [b"".join(encode_checkpoint(one, PEER)) for one in _CHECKPOINTS],
    "sealed-checkpoint": [_inside(encode_checkpoint(one, PEER)) for one in _CHECKPOINTS],
    "sealed-record": [_inside(encode_record(one, PEER)) for one in _RECORDS],
    "certificate": [_CERTIFICATE, _CERTIFICATE * 2],
    "piece": [encode_piece(b"\x16\x03\x01")],
    "canary": [b"fu"],
}
SEEDS["any"] = [bytes([NAMES.index(name)]) + seed for name in NAMES for seed in SEEDS[name]]

_KEYS = """
name mixing peers edges operators address key dial first second metropolis lazy-metropolis max-degree
uniform version algorithm dif-altgdmin rank iterations seed agreement rounds method plain init spectral
power_iterations agreement_rounds truncation step c_eta coefficients ridge checkpoint_every on_missing
wait last tolerance dim num_tasks num_samples min_samples max_samples dtype software profile kind peer
run index content sizes checkpoint record round needs final state messages sent_seq used_seq
neighbour_durable sent used reason rests_on array scalar float int bool done running accepted tomb failed
"""
_MARKS = (
    "<<",
    "!!int ",
    "!!float ",
    "!!bool ",
    "!!timestamp ",
    "!!binary ",
    "!!set ",
    "!!omap ",
    "!!str ",
    "&a ",
    "*a",
    "? ",
    "null",
    "true",
    ".nan",
    ".inf",
    "NaN",
    "Infinity",
    "1e999",
    "0x",
    "2024-01-01",
    "1:2",
    "9223372036854775808",
    "%YAML 1.1",
    "<f8",
    ">f8",
    "<c16",
    "|b1",
    "|O",
    "<f4",
    "\\u0000",
    "\\ud800",
    "sha256:",
    "127.0.0.1:7100",
    "[::1]:1",
    "---",
    "...",
)


def dictionary() -> str:
    """The words, as libFuzzer reads them."""
    return "".join(
        '"' + "".join(f"\\x{byte:02x}" for byte in word.encode()) + '"\n'
        for word in chain(_KEYS.split(), _MARKS)
    )
