"""How well the bases of a simulated run predict rows that no peer has learnt from."""

import math
from collections.abc import Mapping
from typing import Any

from peer.config import RunSpec
from peer.data.local import Array, LocalData
from peer.data.new_rows import held_out_rows
from peer.data.prediction import errors_of, predict, ridge_of

__all__ = ["held_out_rmse"]


def held_out_rmse(
    spec: RunSpec, data: Mapping[str, LocalData], bases: Mapping[str, Array]
) -> dict[str, Any] | None:
    """Compare what the peers predict of their held-out rows with the targets.

    Every peer fits the coefficients of its tasks to its own rows for learning over its own basis, as
    ``difpeer predict`` does it.

    Parameters
    ----------
    spec : RunSpec
        What was run; its ridge is that of the fits.
    data : mapping of str to LocalData
        By peer: its tasks.
    bases : mapping of str to array
        By peer: U, shape (d, r), float64.

    Returns
    -------
    dict, or None
        Root mean square errors: ``all``, over the held-out rows of all peers, and ``peers``, by peer that holds out
        rows; None where no peer does.

    Raises
    ------
    RunFailed
        If a task's least squares have no unique solution.
    """
    ridge = ridge_of(spec)
    peers: dict[str, tuple[int, float]] = {}
    for name, local in data.items():
        rows = held_out_rows(local)
        if rows is not None and rows.y is not None and len(rows.y):
            rmse = errors_of(rows, predict(local, bases[name], ridge, rows)).rmse
            assert rmse is not None  # the targets are known
            peers[name] = len(rows.y), rmse
    if not peers:
        return None
    squares = sum(count * rmse**2 for count, rmse in peers.values())
    return {
        "all": math.sqrt(squares / sum(count for count, _ in peers.values())),
        "peers": {name: rmse for name, (_, rmse) in peers.items()},
    }
