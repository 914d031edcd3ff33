"""The control service: its messages, their bounds and its methods."""

import math
from dataclasses import replace

import pytest
from hypothesis import given

from peer.protocol.errors import LocalProtocolError, RemoteProtocolError
from peer.protocol.messages import Reason, TombKind
from peer.protocol.records import RunState
from peer.wire.control import CONTROL_SERVICE, METHODS, SUBMIT, WATCH, decode, encode
from peer.wire.pb import control_pb2 as pb
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
from tests.unit.wire.strategies import CONTROL

RUN = RunStatus("r1", RunState.RUNNING, None, "dif-altgdmin", 3, 150, 412, "agreement", ("p4",), 3.2, "round")
LINK = LinkStatus("p4", up=False, since_s=3.5, detail="connection refused")
VALID = {
    SubmitRequest: SubmitRequest("p0", "r1", b"{}", 1),
    SubmitReply: SubmitReply(
        "r1", RunState.TOMB, Reason(TombKind.LOST, "p1", "run r0 was taken first"), "r0"
    ),
    StatusRequest: StatusRequest("p0", 1),
    StatusReply: StatusReply("p0", 2, 60.5, "difpeer 0.1", "name: lab", (RUN,), (LINK,)),
    WatchRequest: WatchRequest("p0", "r1", 500, 1),
    WatchReply: WatchReply(RUN, {"objective": 0.5}, 10, 20, 30),
    CancelRequest: CancelRequest("p0", "r1", "alice: wrong data", 1),
    CancelReply: CancelReply(RunState.TOMB),
    CollectRequest: CollectRequest("p0", "r1", 1),
    Chunk: Chunk("result.npz", 100, b"abc"),
}
BIG = 2**63
REQUESTS = [method.request for method in METHODS]
BREACHES = [
    *[(kind, "peer", bad) for kind in REQUESTS for bad in ("P0", "../p", "a" * 33)],
    *[(kind, "hops", 1025) for kind in REQUESTS],
    *[
        (kind, "run", bad)
        for kind in VALID
        if hasattr(VALID[kind], "run")
        for bad in ("", "a/b", "..", "a" * 65)
    ],
    (StatusReply, "peer", ""),
    (SubmitRequest, "spec", bytes(65_537)),
    (SubmitReply, "busy_with", "a/b"),
    (StatusReply, "incarnation", BIG),
    *[(StatusReply, "uptime_s", bad) for bad in (-1.0, math.nan, math.inf)],
    (StatusReply, "software", "a\nb"),
    (StatusReply, "network", "a" * (4 * 1024 * 1024 + 1)),
    *[(WatchRequest, "interval_ms", bad) for bad in (0, 9, 30_001)],
    *[(WatchReply, field, BIG) for field in ("payload_bytes", "message_bytes", "socket_bytes")],
    *[(Chunk, "name", bad) for bad in ("", "../../etc/passwd", "/tmp/x", ".bashrc", "a\\b")],
    (Chunk, "total", BIG),
    (Chunk, "data", bytes(1024 * 1024 + 1)),
]


def spoiled(kind):
    """A valid protobuf message of this kind, to be spoiled."""
    return getattr(pb, kind.__name__).FromString(encode(VALID[kind]))


def refusal(kind, message):
    """What the decoder says to a protobuf message."""
    with pytest.raises(RemoteProtocolError) as caught:
        decode(kind, message.SerializeToString())
    return str(caught.value)


@pytest.mark.parametrize("kind", CONTROL, ids=lambda kind: kind.__name__)
def test_every_message_comes_out_as_it_went_in(kind):
    @given(CONTROL[kind])
    def check(message):
        decoded = decode(kind, encode(message))
        assert type(decoded) is kind
        assert decoded == message

    check()


def test_each_message_of_the_service_is_tried():
    assert (
        set(CONTROL) == set(VALID) == {kind for method in METHODS for kind in (method.request, method.reply)}
    )


@pytest.mark.parametrize(("kind", "field", "bad"), BREACHES)
def test_a_breach_is_refused_by_field(kind, field, bad):
    message = spoiled(kind)
    setattr(message, field, bad)
    text = refusal(kind, message)
    assert text.startswith(f"{kind.__name__}.{field}: found ")
    assert len(text) < 400
    with pytest.raises(LocalProtocolError, match=rf"{kind.__name__}\.{field}: found "):
        encode(replace(VALID[kind], **{field: bad}))


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("run", ".."),
        ("algorithm", "a" * 65),
        ("iteration", BIG),
        ("iterations", BIG),
        ("round", BIG),
        ("label", "a\nb"),
        ("waiting_s", -0.5),
        ("waiting_kind", "\x00"),
    ],
)
def test_a_breach_in_the_status_of_a_run_is_refused(field, bad):
    message = spoiled(StatusReply)
    setattr(message.runs[0], field, bad)
    assert refusal(StatusReply, message).startswith(f"RunStatus.{field}: found ")


@pytest.mark.parametrize(("field", "bad"), [("neighbour", ""), ("since_s", math.nan), ("detail", "a" * 4097)])
def test_a_breach_in_the_status_of_a_link_is_refused(field, bad):
    message = spoiled(StatusReply)
    setattr(message.links[0], field, bad)
    assert refusal(StatusReply, message).startswith(f"LinkStatus.{field}: found ")


def test_whom_a_run_waits_for_are_peers():
    message = spoiled(StatusReply)
    message.runs[0].waiting_for.append("No peer")
    assert refusal(StatusReply, message).startswith("RunStatus.waiting_for[1]: found 'No peer'")
    with pytest.raises(LocalProtocolError, match=r"RunStatus.waiting_for\[0\]"):
        encode(WatchReply(replace(RUN, waiting_for=("No peer",))))


def test_lists_have_a_bound():
    message = spoiled(StatusReply)
    del message.links[:]
    message.links.extend([pb.LinkStatus()] * 10_001)
    assert refusal(StatusReply, message).startswith("StatusReply.links: found 10001 entries")
    with pytest.raises(LocalProtocolError, match=r"StatusReply\.links: found 10001 entries"):
        encode(replace(VALID[StatusReply], links=(LINK,) * 10_001))


def test_metrics_have_bounds():
    message = spoiled(WatchReply)
    message.metrics.update({str(number): 0.0 for number in range(256)})
    assert refusal(WatchReply, message).startswith("WatchReply.metrics: found 257 entries")
    for bad in ("", "a\nb", "a" * 65):
        with pytest.raises(LocalProtocolError, match=r"WatchReply\.metrics name: found "):
            encode(WatchReply(RUN, {bad: 0.0}))


def test_metrics_may_be_any_number():
    metrics = {"infinite": math.inf, "none": math.nan, "count": 3}
    decoded = decode(WatchReply, encode(WatchReply(RUN, metrics))).metrics
    assert decoded["infinite"] == math.inf
    assert math.isnan(decoded["none"])
    assert decoded["count"] == 3.0


def test_metrics_come_in_the_order_of_names():
    names = [f"m{number}" for number in (3, 1, 2)]
    decoded = decode(WatchReply, encode(WatchReply(RUN, dict.fromkeys(names, 0.0))))
    assert list(decoded.metrics) == sorted(names)


@pytest.mark.parametrize("state", RunState)
def test_states_have_their_own_numbers(state):
    made = pb.CancelReply.FromString(encode(CancelReply(state))).state
    assert pb.RunState.Name(made) == f"RUN_STATE_{state.name}"


@pytest.mark.parametrize("number", [6, -1])
def test_an_unknown_state_is_refused(number):
    message = spoiled(SubmitReply)
    message.state = number
    assert refusal(SubmitReply, message).startswith(f"SubmitReply.state: found number {number}")


def test_a_run_that_is_shown_has_a_state():
    message = spoiled(WatchReply)
    message.status.state = pb.RUN_STATE_UNSPECIFIED
    assert refusal(WatchReply, message).startswith("RunStatus.state: found number 0")
    with pytest.raises(LocalProtocolError, match=r"RunStatus.state: found None"):
        encode(WatchReply(replace(RUN, state=None)))


def test_a_watch_reply_has_a_status():
    message = spoiled(WatchReply)
    message.ClearField("status")
    assert refusal(WatchReply, message).startswith("WatchReply.status: found nothing")


def test_a_flag_is_a_flag():
    with pytest.raises(LocalProtocolError, match=r"LinkStatus\.up: found 'yes'"):
        encode(replace(VALID[StatusReply], links=(replace(LINK, up="yes"),)))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_bytes_that_are_not_protobuf_are_refused(method):
    with pytest.raises(
        RemoteProtocolError, match=f"{method.request.__name__}: 2 bytes that are not protobuf"
    ):
        decode(method.request, b"\x0a\x05")


def test_an_empty_request_is_refused_where_it_needs_fields():
    with pytest.raises(RemoteProtocolError, match=r"SubmitRequest\.run: found ''"):
        decode(SubmitRequest, b"")
    assert decode(StatusRequest, b"") == StatusRequest("")


def test_methods_are_those_of_the_proto_file():
    service = pb.DESCRIPTOR.services_by_name["Control"]
    assert service.full_name == CONTROL_SERVICE
    assert [
        (method.name, method.request.__name__, method.reply.__name__, method.streams) for method in METHODS
    ] == [
        (method.name, method.input_type.name, method.output_type.name, method.server_streaming)
        for method in service.methods
    ]
    assert not any(method.client_streaming for method in service.methods)


def test_methods_have_paths():
    assert SUBMIT.path == "/difpeer.v1.Control/Submit"
    assert WATCH.path == "/difpeer.v1.Control/Watch"
