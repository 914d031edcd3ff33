import pytest

from peer.protocol.messages import Reason, TombKind
from peer.protocol.records import Checkpoint, RunRecord, RunState, loadable

REASON = Reason(TombKind.CANCELLED, "p0", "asked for")


@pytest.mark.parametrize(
    ("state", "reason", "live", "busy"),
    [
        (RunState.ACCEPTED, None, True, True),
        (RunState.RUNNING, None, True, True),
        (RunState.DONE, None, False, True),
        (RunState.DONE, REASON, False, False),
        (RunState.CLOSED, None, False, False),
        (RunState.TOMB, REASON, False, False),
    ],
)
def test_what_keeps_a_peer_busy(state, reason, live, busy):
    record = RunRecord("run-1", b"{}", state, reason=reason)
    assert (record.live, record.busy) == (live, busy)


def files(*indices_and_needs):
    return [Checkpoint("run-1", index, index, needs, False, {}, {}) for index, needs in indices_and_needs]


@pytest.mark.parametrize(
    ("held", "loaded"),
    [
        ([], []),
        ([(1, 1)], [1]),
        ([(1, 1), (2, 1), (3, 2)], [2, 3]),
        ([(3, 2), (1, 1), (2, 1)], [2, 3]),
        ([(1, 1), (3, 2)], [1]),
        ([(2, 1), (3, 1)], []),
        ([(1, 1), (3, 3)], [3]),
        ([(4, 4), (5, 4), (7, 6)], [4, 5]),
    ],
)
def test_the_newest_checkpoint_is_loaded_whose_increments_are_all_there(held, loaded):
    assert [checkpoint.index for checkpoint in loadable(files(*held))] == loaded
