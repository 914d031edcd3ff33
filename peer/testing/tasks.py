"""Tasks to check a program with."""

from peer.algorithms.problem import Problem
from peer.data.store import block_problem
from peer.data.synthetic import synthesize
from peer.protocol.facts import network_facts, own_fact
from peer.testing.peers import ProblemBuilder
from topology.network import Network

__all__ = ["made_up_tasks"]


def made_up_tasks(
    network: Network,
    *,
    tasks: int | None = None,
    dim: int = 8,
    samples: int | tuple[int, int] = (12, 20),
    rank: int = 2,
    noise: float = 0.1,
    seed: int = 0,
) -> ProblemBuilder:
    """Draw regression tasks that share a subspace, as ``difpeer data synth`` does, for ``check_program``.

    Parameters
    ----------
    network : Network
        The peers.
    tasks : int, optional
        Of the whole network; by default two or three at each peer.
    dim : int, optional
        Features d.
    samples : int or (int, int), optional
        Rows of each task; of a range each task draws its own.
    rank : int, optional
        Dimension r of the subspace.
    noise : float, optional
        Standard deviation of the noise in the responses.
    seed : int, optional
        Of the draw.

    Returns
    -------
    callable
        ``build(names)`` makes the problem of a block of these peers.

    Raises
    ------
    InputError
        If a parameter is out of its range.
    """
    names = network.names
    num_tasks = (5 * len(names) + 1) // 2 if tasks is None else tasks
    made = synthesize(
        names, num_tasks=num_tasks, dim=dim, num_samples=samples, rank=rank, noise=noise, seed=seed
    )
    local = {name: own for name, (own, _) in made.items()}
    facts = network_facts(
        {name: own_fact(own.task_ptr, own.dim, software="", profile="") for name, own in local.items()}
    )

    def build(block: tuple[str, ...]) -> Problem:
        return block_problem([local[name] for name in block], facts)

    return build
