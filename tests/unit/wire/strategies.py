"""Messages of every kind, within the bounds of the wire contract."""

from math import prod
from typing import get_args

from hypothesis import strategies as st

from peer.protocol.messages import (
    PROTOCOL_VERSION,
    Attach,
    Closed,
    Confirm,
    Done,
    Durable,
    Fact,
    Goodbye,
    Hello,
    Message,
    Offer,
    OldIncarnation,
    Reason,
    Tomb,
    TombKind,
    Value,
)
from peer.protocol.payload import Tensor
from peer.protocol.records import RunState
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
from peer.wire.tensors import ITEM_BYTES

MAX_COUNT = 2**63 - 1

counts = st.integers(0, MAX_COUNT) | st.sampled_from([0, 127, 128, MAX_COUNT])
peers = st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True)
runs = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
digests = st.binary(min_size=16, max_size=16)
config_digests = st.binary(min_size=32, max_size=32)
printable = st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"]) | st.just(" ")
labels = st.text(printable, max_size=64).filter(str.isprintable)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
blobs = st.binary(max_size=200)
documents = texts.map(str.encode)


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    dtype = draw(st.sampled_from(sorted(ITEM_BYTES)))
    shape = tuple(draw(st.lists(st.integers(0, 3), max_size=4)))
    size = prod(shape) * ITEM_BYTES[dtype]
    entries = st.sampled_from([b"\x00", b"\x01"]) if dtype == "|b1" else st.binary(min_size=1, max_size=1)
    return Tensor(dtype, shape, b"".join(draw(st.lists(entries, min_size=size, max_size=size))))


payloads = st.lists(tensors(), max_size=3).map(tuple)
reasons = st.builds(Reason, kind=st.sampled_from(TombKind), peer=peers, text=texts)

values = st.builds(
    Value, run=runs, seq=counts, round=counts, label=labels, payload=payloads, digest=digests, durable=counts
)
MESSAGES: dict[type, st.SearchStrategy[Message]] = {
    Hello: st.builds(
        Hello,
        version=st.just(PROTOCOL_VERSION),
        name=peers,
        incarnation=counts,
        attempt=counts,
        software=labels,
    ),
    OldIncarnation: st.builds(OldIncarnation, seen=counts),
    Goodbye: st.builds(Goodbye, reason=texts),
    Offer: st.builds(Offer, run=runs, spec=documents),
    Fact: st.builds(Fact, run=runs, peer=peers, fact=documents),
    Tomb: st.builds(Tomb, run=runs, reason=reasons),
    Done: st.builds(Done, run=runs, peer=peers),
    Closed: st.builds(Closed, run=runs),
    Attach: st.builds(Attach, run=runs, config_digest=config_digests, wanted=counts, durable=counts),
    Durable: st.builds(Durable, run=runs, durable=counts),
    Value: values,
    Confirm: st.builds(Confirm, run=runs, seq=counts, round=counts, digest=digests, durable=counts),
}
assert set(MESSAGES) == set(get_args(Message))
messages = st.one_of(list(MESSAGES.values()))

asked = peers | st.just("")
hops = st.integers(0, 1024)
seconds = st.floats(0, allow_infinity=False, allow_nan=False)
states = st.sampled_from(RunState)
run_statuses = st.builds(
    RunStatus,
    run=runs,
    state=states,
    reason=st.none() | reasons,
    algorithm=labels,
    iteration=counts,
    iterations=counts,
    round=counts,
    label=labels,
    waiting_for=st.lists(peers, max_size=3).map(tuple),
    waiting_s=seconds,
    waiting_kind=st.sampled_from(["", "round", "facts", "disk", "done"]),
)
link_statuses = st.builds(LinkStatus, neighbour=peers, up=st.booleans(), since_s=seconds, detail=texts)
CONTROL: dict[type, st.SearchStrategy[object]] = {
    SubmitRequest: st.builds(SubmitRequest, peer=asked, run=runs, spec=documents, hops=hops),
    SubmitReply: st.builds(
        SubmitReply,
        run=runs,
        state=st.none() | states,
        reason=st.none() | reasons,
        busy_with=runs | st.just(""),
    ),
    StatusRequest: st.builds(StatusRequest, peer=asked, hops=hops),
    StatusReply: st.builds(
        StatusReply,
        peer=peers,
        incarnation=counts,
        uptime_s=seconds,
        software=labels,
        network=texts,
        runs=st.lists(run_statuses, max_size=3).map(tuple),
        links=st.lists(link_statuses, max_size=3).map(tuple),
    ),
    WatchRequest: st.builds(
        WatchRequest, peer=asked, run=runs, interval_ms=st.integers(10, 30_000), hops=hops
    ),
    WatchReply: st.builds(
        WatchReply,
        status=run_statuses,
        metrics=st.dictionaries(labels.filter(bool), st.floats(allow_nan=False), max_size=3),
        payload_bytes=counts,
        message_bytes=counts,
        socket_bytes=st.none() | counts,
    ),
    CancelRequest: st.builds(CancelRequest, peer=asked, run=runs, reason=texts, hops=hops),
    CancelReply: st.builds(CancelReply, state=st.none() | states),
    CollectRequest: st.builds(CollectRequest, peer=asked, run=runs, hops=hops),
    Chunk: st.builds(Chunk, name=runs, total=counts, data=blobs),
}
