"""What difpeer's own algorithms predict of their rounds."""

import pytest

from peer.algorithms.shipped import SHIPPED
from peer.program import Checkpoint
from peer.simulate.fast import run_block
from tests.support.problems import KITE, dif_spec, make_tasks, network_of

NETWORK = network_of(KITE)


@pytest.mark.parametrize("fields", [{}, {"tolerance": 1e-300}])
def test_the_schedule_is_what_a_run_does(fields):
    entry = SHIPPED["dif-altgdmin"]
    spec = dif_spec(
        rank=2,
        iterations=3,
        agreement={"rounds": 4},
        init={"power_iterations": 2, "agreement_rounds": 5},
        **fields,
    )
    tasks = make_tasks(NETWORK.names, [3] * 5, 6)
    outcome = run_block(entry.program, tasks.all(), spec, NETWORK)
    predicted = {
        label: (rounds, rounds * size * 2 * len(KITE))
        for label, rounds, size in entry.schedule(spec, NETWORK, tasks.facts)
    }
    assert predicted == {
        label: (phase.rounds, phase.payload_bytes) for label, phase in outcome.phases.items()
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"agreement": {"rounds": 1}, "init": {"power_iterations": 2, "agreement_rounds": 7}},
        {"agreement": {"rounds": 3}, "init": {"power_iterations": 2, "agreement_rounds": 2}},
        {"agreement": {"rounds": 3}, "checkpoint_every": 2, "init": {"agreement_rounds": 2}},
        {"agreement": {"rounds": 1}, "tolerance": 1e-300, "init": {"agreement_rounds": 2}},
        {"checkpoint_every": 2, "tolerance": 1e-300, "init": {"agreement_rounds": 2}},
    ],
)
def test_no_interval_between_checkpoints_is_longer_than_predicted(fields):
    entry = SHIPPED["dif-altgdmin"]
    spec = dif_spec(rank=2, iterations=4, **fields)
    intervals = [0]

    def counted(*arguments):
        program = entry.program(*arguments)
        reply = None
        while True:
            try:
                request = program.send(reply)
            except StopIteration as end:
                return end.value
            if isinstance(request, Checkpoint):
                intervals.append(0)
            elif hasattr(request, "send"):
                intervals[-1] += 1
            elif hasattr(request, "label"):
                intervals[-1] += NETWORK.diameter
            reply = yield request

    run_block(counted, make_tasks(NETWORK.names, [3] * 5, 6).all(), spec, NETWORK)
    assert intervals[-1] == 0
    assert max(intervals) == entry.interval_rounds(spec, NETWORK)
