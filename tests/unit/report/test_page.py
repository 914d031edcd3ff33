"""The page, parsed: it has its parts, asks for nothing outside, and no text of a run becomes markup."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import plotly.graph_objects as go
import pytest

from peer.report.charts import Areas, Bars, Line, Lines, Matrix, Picture
from peer.report.colours import COLOURS, DARK
from peer.report.html import data_script, paragraphs
from peer.report.network_picture import network_picture
from peer.report.panels import panels
from peer.report.plots import plot
from peer.report.reading import read_recorded
from peer.report.series import RunSeries, read_series
from peer.report.ticks import log_ticks
from peer.report.writing import page, write_page
from tests.unit.report.folders import HOSTILE, write_folder
from topology.errors import InputError
from topology.generators import make_network

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Elements with their attributes, the texts of each kind, and whether all that is opened is closed."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.open = [], {}, []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and data.strip():
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def text(run, series):
    return page(run, series)


@pytest.fixture(scope="module")
def parsed(text):
    return Page(text)


@pytest.fixture(scope="module")
def figures(parsed):
    (data,) = [text for text in parsed.texts["script"] if text.startswith("{")]
    return json.loads(data)


def test_its_parts(parsed, series):
    assert parsed.texts["h1"][0].startswith("Three peers learnt")
    assert parsed.texts["h2"] == [
        "Progress",
        "What an accuracy costs",
        "Bytes of a round",
        "Agreements: theory beside measurement",
        "Latency of a round",
        "Where the time goes",
        "Critical path",
        "Anatomy of a round",
        "One-way delays",
        "The network",
        "Bytes by edge",
        "Do both ends agree?",
        "What happened",
        "Environment",
        "Do it again",
    ]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in parsed.all("meta")
    assert parsed.texts["pre"] == ["difpeer demo --peers 3"]
    assert parsed.texts["button"][:3] == ["rounds", "bytes", "seconds"]


def test_every_place_and_switch_has_its_figure(parsed, figures):
    wanted = [attrs["data-figure"] for _, attrs in parsed.elements if "data-figure" in attrs]
    assert set(wanted) == set(figures["figures"])
    assert figures["colours"] == {"light": dict(COLOURS), "dark": dict(DARK)}
    used = set(re.findall(r'"@(\w+)"', json.dumps(figures["figures"])))
    assert used <= set(COLOURS) == set(DARK)


def test_plotly_knows_every_field(figures):
    plain = json.dumps(figures["figures"])
    for name, colour in COLOURS.items():
        plain = plain.replace(f'"@{name}"', f'"{colour}"')
    for figure in json.loads(plain).values():
        go.Figure(figure)  # refuses what plotly does not have


def test_nothing_outside_is_asked_for(parsed):
    assert not [attrs for _, attrs in parsed.elements if attrs.keys() & {"src", "href", "srcset", "action"}]
    (policy,) = [attrs["content"] for attrs in parsed.all("meta") if "http-equiv" in attrs]
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    (style,) = parsed.texts["style"]
    assert "url(" not in style
    assert "@import" not in style


def test_texts_of_a_run_stay_text(text, parsed):
    assert "<script>alert" not in text
    assert "<b>bold" not in text
    assert [told for told in parsed.texts["td"] if HOSTILE in told] == [HOSTILE, HOSTILE]
    assert len(parsed.all("script")) == 3


def test_plotly_takes_texts_for_html_so_they_are_escaped(tmp_path):
    metric = "<a href='https://example.org'>x</a>"
    run = read_recorded(write_folder(tmp_path / "run", metrics=(metric,)))
    series = read_series(run)
    assert series.learning.metric == metric
    assert "<a " not in json.dumps(
        [plot(chart) for panel in panels(run, series) for chart in panel.views.values()]
    )
    assert (
        "<a " not in page(run, series).replace("\\u003c", "?").partition("<main>")[2].partition("</main>")[0]
    )


def test_a_script_element_cannot_be_ended_by_its_data():
    text = data_script("figures", {"x": HOSTILE + "<!--"})
    assert text.count("<") == 2
    assert json.loads(Page(text).texts["script"][0]) == {"x": HOSTILE + "<!--"}


def test_numbers_stay_on_one_line_with_their_units():
    assert paragraphs(["1.8 × 10⁻⁴ of 4.1 s & 99 of 100, 5 stages"]) == (
        "<p>1.8\xa0×\xa010⁻⁴ of 4.1\xa0s &amp; 99\xa0of 100, 5 stages</p>"
    )


def test_of_a_simulation_there_is_one_figure(run, series):
    assert [panel.key for panel in panels(run, RunSeries(series.learning))] == ["learning", "network"]


def test_the_page_is_written_anew_and_whole(run, series, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    write_page(run, series, path)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(InputError, match=r"nowhere/report\.html: --out: cannot be written"):
        write_page(run, series, tmp_path / "nowhere" / "report.html")


def test_a_network_without_bytes_has_a_picture(run):
    network = make_network("ring", 120, seed=0).network
    drawn = network_picture(network, None, None)
    assert drawn == network_picture(network, None, None)
    assert len(drawn.places) == 120
    assert np.abs(list(drawn.places.values())).max() <= 1.5


def test_edges_are_as_thick_as_their_bytes(run, series):
    drawn = network_picture(run.network, series.traffic, series.timing)
    assert drawn.edges["a", "b"] == 1.0  # the connection that was opened again
    assert 0.98 < drawn.edges["b", "c"] < 1.0
    assert "both directions" in drawn.edge_notes["a", "b"]
    assert "was waited for" in drawn.peer_notes["b"]


def test_gaps_are_null():
    x = np.arange(3.0)
    line = Line("a", np.array([1.0, np.nan, 3.0]), "blue")
    for chart in (
        Lines(x, (line,), "x", "y"),
        Areas(x, (line,), "x", "y", 2.0),
        Bars(("a", "b", "c"), (line,), "x"),
    ):
        text = json.dumps(plot(chart), allow_nan=False)
        assert "[1.0, null, 3.0]" in text
    matrix = Matrix(("a", "b"), np.array([[np.nan, 1.0], [2.0, np.nan]]), "MB")
    assert plot(matrix)["data"][0]["z"] == [[None, 1.0], [2.0, None]]
    long_names = Picture({"hospital-north": (0.0, 0.0)}, {"hospital-north": "x"}, {}, {})
    assert plot(long_names)["data"][-1]["textposition"] == "top center"


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([3.0, 40.0], ["1", "2", "5", "10", "20", "50", "100", "200", "500"]),
        ([1e-7, 0.5], ["10⁻⁷", "10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "0.01", "0.1", "1"]),
        ([0.0, np.nan], []),
        ([2e-5, 3e-5], ["10⁻⁵", "2 × 10⁻⁵", "5 × 10⁻⁵", "10⁻⁴", "2 × 10⁻⁴", "5 × 10⁻⁴"]),
    ],
)
def test_ticks(values, texts):
    places, labels = log_ticks([np.array(values)])
    assert labels == texts
    assert len(places) == len(labels)
    assert len(log_ticks([np.array([1e-30, 1.0])])[0]) <= 9
