"""Tasks that share a subspace, drawn from a seed.

y = X U* b* + noise with X i.i.d. N(0, 1); specification of Dif-AltGDmin, §1.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from peer.algorithms.subspace import orthonormalize
from peer.data.dealing import check_fraction, check_seed, deal, held_out
from peer.data.local import LocalData, Task, from_tasks
from topology.errors import InputError

__all__ = ["synthesize"]

Array = NDArray[np.float64]

# Parts of seeds, one stream each (see peer.data.dealing).
BASIS, COEFFICIENTS, COUNT, ROWS, NOISE = 2011, 2012, 2013, 2014, 2015


def synthesize(
    peers: Sequence[str],
    *,
    num_tasks: int,
    dim: int,
    num_samples: int | tuple[int, int],
    rank: int,
    condition: float | None = None,
    noise: float = 0.0,
    holdout: float = 0.0,
    seed: int = 0,
) -> dict[str, tuple[LocalData, Array]]:
    """Draw tasks and deal them to peers in order.

    The data of a task depend on the seed and the other parameters, not on the peers.

    Parameters
    ----------
    peers : sequence of str
        Names of the peers.
    num_tasks : int
        T, at least the number of peers and the rank.
    dim : int
        d, at least the rank.
    num_samples : int or (int, int)
        Rows n per task, held-out rows among them; of a range (both ends included) each task draws its own.
    rank : int
        r, at least 1.
    condition : float, optional
        kappa = σ_max/σ_min of B*: its singular values are spread geometrically, its Frobenius norm is
        the one that Gaussian entries have on average, √(rT). By default B* is Gaussian as drawn.
    noise : float, optional
        Standard deviation of the Gaussian noise in y.
    holdout : float, optional
        Part of each task's rows to hold out, in [0, 1).
    seed : int, optional
        At least 0.

    Returns
    -------
    dict
        By peer: its tasks, and U* of shape (d, r) with orthonormal columns.

    Raises
    ------
    InputError
        If a parameter is out of its range.
    """
    low, high = (num_samples, num_samples) if isinstance(num_samples, int) else num_samples
    _check(num_tasks, dim, (low, high), rank, condition, noise)
    check_fraction(holdout)
    check_seed(seed)
    width = len(str(num_tasks - 1))
    shares = deal([f"t{t:0{width}}" for t in range(num_tasks)], peers, None)
    U_true, _ = orthonormalize(np.random.default_rng([seed, BASIS]).standard_normal((dim, rank)))
    B_true = _coefficients(num_tasks, rank, condition, seed)

    def task(task_id: str) -> Task:
        t = int(task_id[1:])
        n = int(np.random.default_rng([seed, COUNT, t]).integers(low, high, endpoint=True))
        X = np.random.default_rng([seed, ROWS, t]).standard_normal((n, dim))
        e = np.random.default_rng([seed, NOISE, t]).standard_normal(n)
        y = X @ (U_true @ B_true[:, t]) + noise * e
        if not holdout:
            return Task(task_id, X, y)
        held = held_out(task_id, n, holdout, seed)
        return Task(task_id, X[~held], y[~held], X[held], y[held])

    features = tuple(f"x{column}" for column in range(dim))
    return {
        name: (from_tasks([task(task_id) for task_id in share], features), U_true)
        for name, share in shares.items()
    }


def _coefficients(num_tasks: int, rank: int, condition: float | None, seed: int) -> Array:
    """B* of shape (r, T)."""
    columns = [np.random.default_rng([seed, COEFFICIENTS, t]).standard_normal(rank) for t in range(num_tasks)]
    B = np.stack(columns, axis=1)
    if condition is None:
        return B
    left, _, right = np.linalg.svd(B, full_matrices=False)
    values = np.geomspace(condition, 1.0, rank)
    values *= np.sqrt(rank * num_tasks) / np.linalg.norm(values)
    return np.asarray((left * values) @ right)


def _check(
    num_tasks: int,
    dim: int,
    num_samples: tuple[int, int],
    rank: int,
    condition: float | None,
    noise: float,
) -> None:
    low, high = num_samples
    most = min(dim, num_tasks)
    problems = [
        (num_tasks < 1, "tasks", f"{num_tasks} tasks", "give at least 1"),
        (dim < 1, "dim", f"the dimension is {dim}", "give at least 1"),
        (
            not 1 <= low <= high,
            "samples",
            f"{low} to {high} rows per task",
            "give a whole number from 1, or LO:HI with LO ≤ HI",
        ),
        (
            not 1 <= rank <= most,
            "rank",
            f"rank {rank} in dimension {dim} with {num_tasks} tasks",
            f"give 1 to {most}",
        ),
        (
            condition is not None and not (1 <= condition < np.inf),
            "condition",
            f"the condition number is {condition}",
            "give a number from 1",
        ),
        (
            rank == 1 and condition not in (None, 1),
            "condition",
            f"the condition number is {condition} at rank 1",
            "leave it out, or raise the rank",
        ),
        (not 0 <= noise < np.inf, "noise", f"the noise is {noise}", "give a number from 0"),
    ]
    for wrong, field, problem, mend in problems:
        if wrong:
            raise InputError(problem, field=field, mend=mend)
