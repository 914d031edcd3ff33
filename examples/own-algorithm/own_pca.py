"""What all peers' tasks have in common, to first order: the leading directions of the tasks' moments.

DeEPCA (arXiv 2102.03990): orthogonal iteration, in which each peer tracks the network's average product.
"""

import numpy as np
from pydantic import Field

from peer.algorithms.subspace import orthonormalize
from peer.config import RunSpec
from peer.consensus import Agreement
from peer.program import Algorithm, Checkpoint, Progress, Purpose, one_peer


class OwnPcaSpec(RunSpec):
    rank: int = Field(ge=1)
    iterations: int = Field(default=100, ge=1)
    agreement_rounds: int = Field(default=4, ge=1)


@one_peer
def own_pca(problem, spec, neighbours, streams, state):
    M = np.array([problem.X[rows].T @ problem.y[rows] / len(problem.y[rows]) for rows in problem.tasks])
    agreement = Agreement(spec.agreement_rounds, "track")
    if not state:
        start = streams.common(Purpose.START, lambda rng: rng.standard_normal((M.shape[1], spec.rank)))
        state["U"] = orthonormalize(start)[0]
        state["tracked"] = state["product"] = M.T @ (M @ state["U"])
        state["iteration"] = 0
        yield from Progress(0, {}, {"U": state["U"]})
    while state["iteration"] < spec.iterations:
        tracked = yield from agreement.average(state["tracked"])
        state["U"] = orthonormalize(tracked)[0]
        product = M.T @ (M @ state["U"])
        state["tracked"] = tracked + product - state["product"]
        state["product"] = product
        state["iteration"] += 1
        yield from Progress(state["iteration"], {}, {"U": state["U"]})
        if state["iteration"] % spec.checkpoint_every == 0:
            yield from Checkpoint(state)
    return {"U": state["U"]}


OWN_PCA = Algorithm(own_pca, OwnPcaSpec, lambda spec, network: spec.checkpoint_every * spec.agreement_rounds)
