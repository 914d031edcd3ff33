"""A run with all that its statements are about: every value that travels, every state, every basis."""

from dataclasses import dataclass, field

import numpy as np

from peer.algorithms.dif_altgdmin import dif_altgdmin
from peer.config import DifAltgdminSpec
from peer.program import Array, Broadcast, State
from peer.simulate.fast import BlockResult, run_block
from tests.support.problems import Tasks
from topology.network import Network


@dataclass
class Run:
    """One run of Dif-AltGDmin.

    Attributes
    ----------
    sent : list of (label, value, shape (L, ...))
        Every round's values.
    states : list of State
        At the checkpoints: after the threshold, each power iteration and each iteration.
    bases : list of array, shape (L, d, r)
        After the initialisation and after each iteration.
    """

    spec: DifAltgdminSpec
    network: Network
    tasks: Tasks
    sent: list[tuple[str, Array]] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    bases: list[Array] = field(default_factory=list)
    outcome: BlockResult | None = None

    def values(self, label: str) -> list[Array]:
        """What was sent under a label, round by round."""
        return [value for at, value in self.sent if at == label]

    def own(self, p: int) -> list[tuple[Array, Array]]:
        """X_t and y_t of the tasks of peer p."""
        tasks = self.tasks
        rows = [slice(*tasks.task_ptr[t : t + 2]) for t in range(*tasks.peer_tasks[p : p + 2])]
        return [(tasks.X[part], tasks.y[part]) for part in rows]


def run(tasks: Tasks, spec: DifAltgdminSpec, network: Network) -> Run:
    record = Run(spec, network, tasks)

    def program(*arguments):
        generator, reply = dif_altgdmin(*arguments), None
        while True:
            try:
                request = generator.send(reply)
            except StopIteration as end:
                return end.value
            if isinstance(request, Broadcast):
                record.sent.append((request.label, np.asarray(request.value)))
            reply = yield request

    record.outcome = run_block(
        program,
        tasks.all(),
        spec,
        network,
        on_progress=lambda progress: record.bases.append(progress.estimate["U"]),
        on_checkpoint=lambda checkpoint: record.states.append(checkpoint.state),
    )
    return record
