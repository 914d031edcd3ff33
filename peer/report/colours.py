"""Colours that can be told apart with any kind of colour vision (Okabe and Ito), on light and on dark ground."""

from types import MappingProxyType

__all__ = ["COLOURS", "DARK"]

COLOURS = MappingProxyType(
    {
        "blue": "#0072b2",
        "orange": "#d98200",
        "green": "#009e73",
        "red": "#c8501a",
        "purple": "#b6669a",
        "ink": "#1d2733",
        "soft": "#5c6a79",
        "grid": "#e3e8ee",
        "ground": "#ffffff",
        "edge": "#8fb7d3",
        "low": "#e8f1f8",
    }
)
"""On white."""

DARK = MappingProxyType(
    {
        "blue": "#4aa8e0",
        "orange": "#f0a63c",
        "green": "#2fc597",
        "red": "#ee7b45",
        "purple": "#d993bf",
        "ink": "#e8edf2",
        "soft": "#9aa8b6",
        "grid": "#2b3541",
        "ground": "#161d26",
        "edge": "#3f6f92",
        "low": "#1f2d3a",
    }
)
"""The same names on a dark ground."""
