"""Rows of a matrix that belong to the peers of a block, one run of rows after the other."""

from itertools import pairwise

import numpy as np

from peer.program import Array

__all__ = ["PeerRows", "runs"]


def runs(starts: Array) -> list[slice]:
    """Return the runs ``starts[i]:starts[i + 1]``, for starts of shape (k + 1,)."""
    return [slice(int(first), int(last)) for first, last in pairwise(starts)]


class PeerRows:
    """A matrix whose rows lie peer after peer, and its products with one small matrix per peer.

    Every peer's part is one product of its own, in a batch where all parts are of one size: the bits do not
    depend on who else is in the block.

    Parameters
    ----------
    matrix : array, shape (N, d)
        Float64, C order.
    starts : int array, shape (P + 1,)
        Peer p has the rows ``starts[p]:starts[p + 1]``.
    """

    def __init__(self, matrix: Array, starts: Array) -> None:
        self._matrix = matrix
        self._dim = matrix.shape[1]
        counts = np.diff(starts)
        even = len(matrix) > 0 and bool((counts == counts[0]).all())
        self._batch = matrix.reshape(len(counts), -1, self._dim) if even else None
        self._parts = runs(starts)

    def times(self, U: Array) -> Array:
        """Return each peer's rows times its own matrix, (P, d, r) to (N, r)."""
        if self._batch is not None:
            together: Array = np.matmul(self._batch, U)
            return together.reshape(len(self._matrix), -1)
        product = np.empty((len(self._matrix), U.shape[2]))
        for p, part in enumerate(self._parts):
            np.matmul(self._matrix[part], U[p], out=product[part])
        return product

    def transposed_times(self, R: Array) -> Array:
        """Return each peer's transposed rows times its rows of R, (N, r) to (P, d, r)."""
        # (R^T X)^T: with few columns in R, BLAS is a third faster this way round
        product = np.empty((len(self._parts), R.shape[1], self._dim))
        if self._batch is not None:
            left = R.reshape(len(self._parts), -1, R.shape[1])
            np.matmul(left.transpose(0, 2, 1), self._batch, out=product)
        else:
            for p, part in enumerate(self._parts):
                np.matmul(R[part].T, self._matrix[part], out=product[p])
        return product.transpose(0, 2, 1)
