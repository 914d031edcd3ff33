"""Lines and words drawn with characters: eight braille dots in each, or one full stop where there are none."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Canvas"]

# Unicode numbers the dots of a braille character by columns, the lowest row last.
_DOT_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_EMPTY_BRAILLE = 0x2800


class Canvas:
    """A drawing of characters.

    Parameters
    ----------
    columns, rows : int
        Its size in characters.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self.rows = rows
        self._dots: NDArray[np.bool_] = np.zeros((rows * 4, columns * 2), dtype=np.bool_)
        self._words: dict[tuple[int, int], str] = {}

    def line(self, start: NDArray[np.float64], end: NDArray[np.float64]) -> None:
        """Draw a straight line between two points, each (x, y) from 0 to 1, y downwards."""
        a, b = self._dot(start), self._dot(end)
        steps = int(max(abs(b - a))) + 1
        x, y = np.rint(np.linspace(a, b, steps)).astype(int).T
        self._dots[y, x] = True

    def word(self, text: str, at: NDArray[np.float64]) -> bool:
        """Write a word around a point, or in a near row where that place is taken.

        Returns
        -------
        bool
            False where no row has room for it: then nothing is written.
        """
        x, y = self._dot(at).tolist()
        column = min(max(x // 2 - len(text) // 2, 0), self.columns - len(text))
        row = y // 4
        near = sorted(range(self.rows), key=lambda other: (abs(other - row), other))
        free = next((other for other in near if self._free(other, column, len(text))), None)
        if free is None:
            return False
        row = free
        for offset, character in enumerate(text):
            self._words[row, column + offset] = character
        for edge in (column - 1, column + len(text)):  # a gap, so that no line runs into the word
            self._words.setdefault((row, edge), " ")
        return True

    def _dot(self, point: NDArray[np.float64]) -> NDArray[np.int64]:
        size = np.array([self.columns * 2 - 1, self.rows * 4 - 1])
        dot: NDArray[np.int64] = np.rint(point * size).astype(np.int64)
        return dot

    def _free(self, row: int, column: int, length: int) -> bool:
        return all(
            self._words.get((row, place), " ") == " " for place in range(column - 1, column + length + 1)
        )

    def lines(self, *, braille: bool = True) -> list[str]:
        """Return the drawing.

        Parameters
        ----------
        braille : bool, optional
            Whether braille characters can be shown; else every touched character is a full stop.

        Returns
        -------
        list of str
            One string for each row, without trailing spaces.
        """
        blocks = self._dots.reshape(self.rows, 4, self.columns, 2).transpose(0, 2, 1, 3)
        codes = (blocks * _DOT_BITS).sum(axis=(2, 3))
        text = [["." if code else " " for code in row] for row in codes]
        if braille:
            text = [[chr(_EMPTY_BRAILLE + code) if code else " " for code in row] for row in codes]
        for (row, column), character in self._words.items():
            if 0 <= column < self.columns:
                text[row][column] = character
        return ["".join(row).rstrip() for row in text]
