"""Figures for papers."""

from xml.etree import ElementTree as ET

import pytest

from peer.report.panels import panels
from peer.report.prints import print_panels
from topology.errors import InputError


def test_every_view_is_an_svg_and_a_png(run, series, tmp_path):
    made = panels(run, series)
    written = print_panels(made, tmp_path / "new" / "figures")
    assert len(written) == 2 * sum(len(panel.views) for panel in made)
    assert {path.stem for path in written} == {
        *("learning-rounds", "learning-bytes", "learning-seconds", "bytes-all", "bytes-above-the-values"),
        *("latency", "split-by-peer", "split-over-the-run", "network", "edges"),
        *("path", "rounds-the-slowest", "rounds-a-usual-one", "delays"),
        "agreements-descent",
    }
    for path in written:
        if path.suffix == ".svg":
            assert ET.parse(path).getroot().tag.endswith("svg")
        else:
            assert path.read_bytes().startswith(b"\x89PNG")


def test_the_same_run_gives_the_same_file(run, series, tmp_path):
    made = panels(run, series)[:1]
    for first, second in zip(
        print_panels(made, tmp_path / "1"), print_panels(made, tmp_path / "2"), strict=True
    ):
        assert first.read_bytes() == second.read_bytes()


def test_a_folder_that_cannot_be_made(run, series, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--figures: cannot be written"):
        print_panels(panels(run, series), tmp_path / "file")
