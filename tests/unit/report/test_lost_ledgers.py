"""The report of a run of which the ledgers of some peers are missing: it is there, and claims nothing of them."""

import json

import pytest

from peer.report.books import closing
from peer.report.panels import panels
from peer.report.plots import plot
from peer.report.prints import print_panels
from peer.report.reading import read_recorded
from peer.report.sentences import story
from peer.report.series import read_series, series_document
from peer.report.unknowns import unknown
from peer.report.writing import page
from tests.unit.report.folders import write_folder


@pytest.fixture(params=[("c",), ("b",), ("a", "b")], ids=" and ".join, scope="module")
def lost(request, tmp_path_factory):
    run = read_recorded(write_folder(tmp_path_factory.mktemp("runs") / "run", lost=request.param))
    return request.param, run, read_series(run)


@pytest.mark.filterwarnings("error")
def test_its_page_and_its_figures_can_be_made(lost, tmp_path):
    names, run, series = lost
    assert "What is not known" in page(run, series)
    made = panels(run, series)
    (rounds,) = [panel for panel in made if panel.key == "rounds"]
    bars = plot(next(iter(rounds.views.values())))["data"][0]
    left_out = {*names, "c"} if names == ("b",) else {*names}
    assert [not text for text in bars["hovertext"]] == [name in left_out for name in ("a", "b", "c")]
    json.dumps(series_document(series), allow_nan=False)
    pytest.importorskip("matplotlib")
    assert len(print_panels([rounds], tmp_path / "figures")) > 0


def test_clocks_that_cannot_be_compared_are_not_said_to_be(lost):
    names, run, series = lost
    (rounds,) = [panel for panel in panels(run, series) if panel.key == "rounds"]
    assert ("Not all of their clocks could be compared" in rounds.note) == (names == ("b",))


def test_predicted_bytes_are_those_of_the_peers_that_were_measured(lost):
    _, run, series = lost
    assert [kind.predicted_payload for kind in series.theory.kinds] == [
        kind.measured_payload for kind in series.theory.kinds
    ]
    assert any("Every agreement sent as many bytes" in text for text in story(run, series))


def test_an_edge_of_which_neither_end_is_here_is_not_said_to_be_known(lost):
    names, _, series = lost
    text = closing(series.balance)
    if names == ("a", "b"):
        assert series.balance.unknown_edges == (("a", "b"),)
        assert "Of what was sent between a and b nothing is known" in text
    assert ("Every value is known from one end at least." in text) == (names != ("a", "b"))
    assert not series.balance.closes


def test_only_the_waits_for_them_are_lost(lost):
    names, run, series = lost
    assert 0 < series.anatomy.path.lost_s < series.anatomy.path.length_s / 2
    # Of one peer alone it is not known whether it is slow.
    alone = names != ("c",)
    assert any("-bound" in text for text in story(run, series)) != alone
    assert any(text.startswith("What bounds the run") for text in unknown(run, series)) == alone
