"""What the result of every program has."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from peer.program.errors import ContractError
from peer.program.values import Array

__all__ = ["require_basis"]


def require_basis(
    result: Any,  # noqa: ANN401 - whatever a program returned
    dim: int | None = None,
) -> dict[str, Array]:
    """Return a program's result if it has ``U``, float64 of shape (P, d, r), as all that reads results needs.

    Parameters
    ----------
    result : object
        Of a program.
    dim : int, optional
        Features d of the network's data, where they are known.

    Raises
    ------
    ContractError
        If it has not.
    """
    U = result.get("U") if isinstance(result, Mapping) else None
    if not isinstance(U, np.ndarray) or U.dtype != np.float64 or U.ndim != 3:
        found = f"{U.dtype} of shape {U.shape}" if isinstance(U, np.ndarray) else "none"
        raise ContractError(
            "the program's result needs 'U', float64 of shape (P, d, r), or (d, r) where it is written for one peer; "
            f"found {found}"
        )
    if dim is not None and U.shape[1] != dim:
        raise ContractError(
            f"the program's result 'U' has {U.shape[1]} rows, and the data have {dim} features; it needs a row for each"
        )
    return dict(result)
