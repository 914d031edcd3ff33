"""The algorithms by name, difpeer's own and those of other packages, and the specifications of their runs.

This is where modules of other packages are loaded, each when a run names its algorithm and never before: a
serving peer does not grow by what happens to be installed.
"""

from peer.registry.algorithms import algorithm, source_of
from peer.registry.specs import SpecHead, parse_spec, read_spec, spec_from_canonical, spec_head

__all__ = [
    "SpecHead",
    "algorithm",
    "parse_spec",
    "read_spec",
    "source_of",
    "spec_from_canonical",
    "spec_head",
]
