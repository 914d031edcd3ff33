"""What the result of every program has."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from peer.program.errors import ContractError
from peer.program.values import Array

__all__ = ["require_basis"]


def require_basis(result: Any) -> dict[str, Array]:  # noqa: ANN401 - whatever a program returned
    """Return a program's result if it has ``U``, float64 of shape (P, d, r), as all that reads results needs.

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
    return dict(result)
