import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.protocol.messages import DONE
from peer.protocol.payload import EMPTY, Tensor
from peer.protocol.records import Checkpoint, EdgeMark, Sent
from peer.state.checkpoints import decode_checkpoint, encode_checkpoint
from peer.state.container import Damaged
from tests.unit.state.samples import PEER, RUN, checkpoint

NUMBERS = st.integers(0, DONE)
PAYLOADS = st.just(EMPTY) | st.tuples(
    st.builds(Tensor, st.sampled_from(["<f8", "|u1"]), st.tuples(NUMBERS, NUMBERS), st.binary(max_size=40))
)
SENT = st.builds(Sent, NUMBERS, NUMBERS, st.text(max_size=5), PAYLOADS, st.binary(min_size=16, max_size=16))
MARKS = st.builds(
    EdgeMark,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    st.lists(SENT, max_size=4).map(tuple),
    st.lists(st.tuples(NUMBERS, NUMBERS, st.binary(min_size=16, max_size=16)), max_size=4).map(tuple),
)


def file_of(what: Checkpoint) -> bytes:
    return b"".join(encode_checkpoint(what, PEER))


@settings(deadline=None)
@given(NUMBERS, NUMBERS, st.booleans(), st.dictionaries(st.text(max_size=5), MARKS, max_size=3))
def test_all_of_a_checkpoint_comes_back(number, needs, final, edges):
    before = Checkpoint(RUN, 5, number, needs, final, {"iteration": 3}, edges)
    assert decode_checkpoint(file_of(before), PEER, RUN, 5) == before


def test_a_broadcast_is_in_the_file_once_and_is_one_object_again():
    before = checkpoint(dim=500)
    data = file_of(before)
    payloads = sum(len(sent.payload[0].data) for sent in before.edges["p1"].sent)
    assert payloads + before.state["U"].nbytes < len(data) < payloads + before.state["U"].nbytes + 2000
    edges = decode_checkpoint(data, PEER, RUN, 1).edges
    assert [sent.payload for sent in edges["p1"].sent] == [sent.payload for sent in before.edges["p1"].sent]
    assert edges["p2"].sent[1].payload is edges["p1"].sent[2].payload


def test_the_state_comes_back_bit_for_bit():
    before = checkpoint()
    after = decode_checkpoint(file_of(before), PEER, RUN, 1)
    assert np.array_equal(after.state["U"], before.state["U"])
    assert (after.state["iteration"], after.state["done"]) == (1, False)


@pytest.mark.parametrize(
    ("peer", "run", "index", "what"),
    [("p1", RUN, 1, "peer"), (PEER, "other", 1, "run"), (PEER, RUN, 2, "index")],
)
def test_a_checkpoint_in_the_wrong_place_is_refused(peer, run, index, what):
    with pytest.raises(Damaged, match=f"of another {what}"):
        decode_checkpoint(file_of(checkpoint()), peer, run, index)
