"""Numbers and lists as people read them: units, significant digits, no machine notation."""

import math
from collections.abc import Sequence

__all__ = ["amount", "count", "listed", "ms", "number", "percent", "plural", "power", "seconds", "spelled"]

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_WORDS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


def amount(size: float) -> str:
    """Bytes in decimal units: ``38.6 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{_digits(size) if unit != 'B' else round(size)} {unit}"
        size /= 1000
    return f"{_digits(size)} TB"


def count(items: int) -> str:
    """A whole number with groups of three digits: ``23 400``."""
    return f"{items:,}".replace(",", "\u202f") if abs(items) >= 10_000 else str(items)


def plural(items: int, noun: str) -> str:
    """A number with its noun: ``1 round``, ``720 rounds``."""
    return f"{count(items)} {noun}" + ("" if items == 1 else "s")


def spelled(items: int, noun: str) -> str:
    """Like `plural`, small numbers in words: ``eight peers``."""
    if 0 <= items < len(_WORDS):
        return f"{_WORDS[items]} {noun}" + ("" if items == 1 else "s")
    return plural(items, noun)


def power(value: float, digits: int = 2) -> str:
    """A small or large number by powers of ten: ``1.8 × 10⁻⁴``; from 0.01 to 1000 as it is."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if 0.01 <= abs(value) < 1000:
        return _digits(value, digits)
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def number(value: float) -> str:
    """Three significant digits."""
    return _digits(value)


def seconds(value: float) -> str:
    """A time: ``380 ms``, ``4.1 s``, ``2 min 5 s``, ``3 h 12 min``."""
    if value < 0.9995:
        return ms(1000 * value)
    if value < 59.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def ms(value: float) -> str:
    """Milliseconds with three significant digits, microseconds below a tenth of one."""
    if value < 0.0995:
        return f"{_digits(1000 * value)} µs"
    return f"{_digits(value)} ms"


def percent(part: float) -> str:
    """A part of one as percent: ``62 %``; below ten percent with one decimal."""
    return f"{100 * part:.0f} %" if part == 0 or abs(part) >= 0.0995 else f"{100 * part:.1f} %"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Words as a list in a sentence: ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""


def _digits(value: float, digits: int = 3) -> str:
    if value == 0:
        return "0"
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])  # after rounding: 9.996 has that of 10
    decimals = max(digits - 1 - exponent, 0)
    return f"{value:.{decimals}f}"
