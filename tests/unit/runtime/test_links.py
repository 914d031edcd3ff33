"""What is told of a link that is down."""

from peer.runtime.links import LinkState

OLD = "p3 shows incarnation 1, 3 was seen before: its state folder was lost"


def test_why_a_link_is_down():
    assert LinkState(up=True, since_s=0.0).detail == ""
    state = LinkState(up=False, since_s=0.0)
    assert state.detail == "not connected yet"
    state.lost = "it said Goodbye"
    state.attempt = "127.0.0.1:7103: Connection refused"
    assert state.detail == "it said Goodbye; 127.0.0.1:7103: Connection refused"


def test_a_refusal_stays_known_when_the_process_is_gone():
    state = LinkState(up=False, since_s=0.0, lost="the stream ended without Goodbye", refused=OLD)
    state.attempt = "127.0.0.1:7103: Connection refused"
    assert state.detail.endswith(f"Connection refused; its last Hello was refused: {OLD}")
    # While the process is there, the attempt says it.
    state.attempt = f"127.0.0.1:7103: {OLD}"
    assert state.detail.count(OLD) == 1
