from hypothesis import given
from hypothesis import strategies as st

from peer.measure.latency import RoundTimes, round_times

NAMES = st.text("abc-01", min_size=1, max_size=4)


@st.composite
def stamps(draw):
    requested, encoded, sent, delivered = sorted(
        draw(st.lists(st.integers(0, 10**15), min_size=4, max_size=4))
    )
    arrivals = draw(st.dictionaries(NAMES, st.integers(0, delivered), max_size=6))
    return {
        "adapt_ns": draw(st.integers(0, 10**12)),
        "requested_ns": requested,
        "encoded_ns": encoded,
        "sent_ns": sent,
        "arrivals": arrivals,
        "delivered_ns": delivered,
    }


@given(stamps())
def test_the_parts_are_the_whole(given):
    times = round_times(**given)
    assert times.latency_ns == given["delivered_ns"] - given["requested_ns"]
    assert times.encode_ns + times.send_ns + times.wait_ns + times.decode_ns == times.latency_ns
    assert min(times.encode_ns, times.send_ns, times.wait_ns, times.decode_ns) >= 0
    assert times.adapt_ns == given["adapt_ns"]


@given(stamps())
def test_the_gate_is_the_last_to_arrive(given):
    times = round_times(**given)
    order = sorted((at_ns, name) for name, at_ns in given["arrivals"].items())
    assert times.gated_by == (order[-1][1] if order else None)
    assert times.slack_ns == (order[-1][0] - order[-2][0] if len(order) > 1 else None)


@given(stamps())
def test_waiting_ends_with_the_last_arrival(given):
    times = round_times(**given)
    last = max(given["arrivals"].values(), default=0)
    assert times.wait_ns == max(last - given["sent_ns"], 0)


@given(stamps(), st.integers(0, 10**15))
def test_only_differences_matter(given, shift):
    moved = {key: value + shift for key, value in given.items() if key.endswith("_ns")}
    moved["adapt_ns"] = given["adapt_ns"]
    arrivals = {name: at_ns + shift for name, at_ns in given["arrivals"].items()}
    assert round_times(**{**moved, "arrivals": arrivals}) == round_times(**given)


def test_an_example_by_hand():
    times = round_times(
        adapt_ns=900,
        requested_ns=1000,
        encoded_ns=1010,
        sent_ns=1030,
        arrivals={"p2": 1500, "p0": 990, "p1": 1200},
        delivered_ns=1540,
    )
    assert times == RoundTimes(
        latency_ns=540,
        encode_ns=10,
        send_ns=20,
        wait_ns=470,
        decode_ns=40,
        adapt_ns=900,
        gated_by="p2",
        slack_ns=300,
    )
