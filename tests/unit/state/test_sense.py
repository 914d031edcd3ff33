"""Files whose digest is right, written by somebody who is not us: damaged, by what makes no sense in them."""

import json

import numpy as np
import pytest

from peer.protocol.records import RunState
from peer.state.checkpoints import checkpoint_label, decode_checkpoint, encode_checkpoint
from peer.state.container import Damaged, Label, pack, seal, unpack
from peer.state.recording import decode_record, encode_record
from peer.state.values import encode_state
from tests.unit.state.samples import PEER, RUN, checkpoint, kept

LABEL = checkpoint_label(PEER, RUN, 1)
SOUND, BUFFERS = unpack(b"".join(encode_checkpoint(checkpoint(), PEER)), LABEL)
BUFFERS.append(memoryview(b""))


def with_content(change):
    """The checkpoint with something else in its content, sealed anew."""
    content = json.loads(json.dumps(SOUND))
    change(content)
    return b"".join(pack(LABEL, content, BUFFERS))


def entry(*new):
    def change(content):
        content["state"] = [["U", *new]]

    return change


def at(*path, new):
    def change(content):
        for step in path[:-1]:
            content = content[step]
        content[path[-1]] = new

    return change


BAD = {
    "no round": (lambda content: content.pop("round"), "KeyError"),
    "a round that is text": (at("round", new="3"), "found '3' where a number"),
    "a round below 0": (at("needs", new=-1), "found -1 where a number"),
    "a round beyond all": (at("round", new=2**63), f"found {2**63} where a number"),
    "true for a round": (at("round", new=True), "found True where a number"),
    "a flag that is a number": (at("final", new=1), "found 1 where true or false"),
    "edges as a list": (at("edges", new=[]), r"found \[\] where a mapping"),
    "a mark without its number": (at("edges", "p1", new={}), "KeyError"),
    "a message that is not there": (at("edges", "p1", "sent", new=[[0, 99]]), "IndexError"),
    "a message before the first": (at("edges", "p1", "sent", new=[[0, -1]]), "found -1 where a number"),
    "half a message": (at("messages", 0, new=[1, "x"]), "ValueError"),
    "a label that is a number": (at("messages", 0, 1, new=7), "found 7 where text"),
    "a digest that is none": (at("messages", 0, 3, new="xyz"), "ValueError"),
    "a buffer that is not there": (at("messages", 0, 2, new=[["<f8", [1], 999]]), "IndexError"),
    "a state that is a mapping": (at("state", new={}), "found {} where a list"),
    "an unknown kind": (entry("pickle", 1), "where an entry of kind 'pickle' is expected"),
    "an int that is a list": (entry("int", [1]), "where an entry of kind 'int' is expected"),
    "a float of too few bits": (entry("float", "00"), "1 bytes for a float"),
    "objects": (entry("array", "|O", [1], [0], 0), r"the dtype '\|O'"),
    "records": (entry("scalar", "f8,f8", 0), "the dtype 'f8,f8'"),
    "no dtype": (entry("array", "nothing", [1], [0], 0), "the dtype 'nothing'"),
    "a dtype that numpy evaluates": (entry("array", ",f8", [1], [0], 0), "the dtype ',f8'"),
    "a dtype of no size": (entry("array", "<f3", [1], [0], 0), "TypeError"),
    "a petabyte": (entry("array", "<f8", [2**47], [0], 0), "bytes for shape"),
    "axes twice": (entry("array", "<f8", [1, 60], [0, 0], 0), "2 axes in the order"),
    "too many axes": (entry("array", "<f8", [1] * 70, list(range(70)), 0), "70 axes in the order"),
    "an axis below 0": (entry("array", "<f8", [-1, -60], [0, 1], 0), "found -1 where a number"),
    "long axes and an empty one": (
        entry("array", "<f8", [2**62, 2**62, 0], [0, 1, 2], len(BUFFERS) - 1),
        "ValueError",
    ),
    "a scalar of the wrong size": (entry("scalar", "<f8", 0), "bytes for one float64"),
}


@pytest.mark.parametrize(("change", "reason"), BAD.values(), ids=BAD)
def test_a_checkpoint_that_makes_no_sense_is_damaged(change, reason):
    with pytest.raises(Damaged, match=f"makes no sense, though its digest is right.*{reason}"):
        decode_checkpoint(with_content(change), PEER, RUN, 1)


def test_a_sound_one_passes_the_same_way():
    assert decode_checkpoint(with_content(lambda content: None), PEER, RUN, 1).round == 3


@pytest.mark.parametrize(
    "change",
    [
        {"state": "asleep"},
        {"state": None},
        {"reason": ["failed", "p1"]},
        {"reason": ["because", "p1", "x"]},
        {"reason": ["failed", 1, "x"]},
        {"peers": ["p0"]},
        {"peers": [0, 1, 2]},
        {"rests_on": []},
        {"rests_on": {"data": 7}},
    ],
)
def test_a_record_that_makes_no_sense_is_damaged(change):
    label = Label("record", PEER, RUN)
    content, buffers = unpack(b"".join(encode_record(kept(RunState.RUNNING), PEER)), label)
    with pytest.raises(Damaged, match="makes no sense"):
        decode_record(b"".join(pack(label, content | change, buffers)), PEER, RUN)


@pytest.mark.parametrize(
    "header",
    [
        "not JSON",
        "[]",
        "{}",
        "[" * 100_000,
        '{"kind": ' + "9" * 5_000 + "}",
        json.dumps(
            {"kind": "checkpoint", "peer": PEER, "run": RUN, "index": 1, "content": {}, "sizes": [2**62]}
        ),
        json.dumps(
            {"kind": "checkpoint", "peer": PEER, "run": RUN, "index": 1, "content": {}, "sizes": [4, -1]}
        ),
        json.dumps({"kind": "checkpoint", "peer": PEER, "run": RUN, "index": 1, "content": [], "sizes": [3]}),
    ],
)
def test_a_header_that_makes_no_sense_is_damaged(header):
    with pytest.raises(Damaged, match="makes no sense"):
        unpack(b"".join(seal(header.encode(), [b"abc"])), LABEL)


def test_an_array_without_entries_is_sound():
    buffers = []
    state = encode_state({"U": np.empty((0, 3))}, buffers)
    content = SOUND | {"state": state, "messages": [], "edges": {}}
    data = b"".join(pack(LABEL, content, buffers))
    assert decode_checkpoint(data, PEER, RUN, 1).state["U"].shape == (0, 3)
