"""Recorded traces: what a few peers do, line by line, in the cases that one wants to read once.

``DIFPEER_REWRITE_TRACES=1 pytest tests/simulation/test_traces.py`` records them again; read the difference.
"""

import os
from pathlib import Path

import pytest

from tests.simulation.trace_driver import TraceDriver

TRACES = sorted((Path(__file__).parent / "traces").glob("*.txt"))


@pytest.mark.parametrize("path", TRACES, ids=[path.stem for path in TRACES])
def test_trace(path):
    recorded = path.read_text(encoding="utf-8")
    found = TraceDriver().run(recorded)
    if os.environ.get("DIFPEER_REWRITE_TRACES"):
        path.write_text(found, encoding="utf-8")
    else:
        assert found == recorded


def test_there_are_traces():
    assert len(TRACES) >= 9
