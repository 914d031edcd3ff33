"""Predicted beside measured, in words, as tables and as a figure."""

import dataclasses
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from peer.report.panels import panels
from peer.report.theory import cost_card, theory_card, theory_sentences
from peer.report.wording import power
from tests.unit.report.folders import AGREEMENT, INIT, ITERATIONS, NEIGHBOURS, ROUNDS


def test_agreements_of_the_folder(run, series, folder):
    init, descent = series.theory.kinds
    directions = sum(map(len, NEIGHBOURS.values()))
    assert (init.label, init.agreements, init.rounds) == ("init", 1, INIT)
    assert (descent.label, descent.agreements, descent.rounds) == ("descent", ITERATIONS, AGREEMENT)
    assert descent.predicted_payload == descent.measured_payload == 80 * directions * AGREEMENT
    assert descent.predicted_contraction == pytest.approx(run.summary.gamma ** (AGREEMENT - 1))
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as books:
        rows = books.execute(
            "SELECT round, max(disagreement) FROM rounds WHERE label = 'descent' AND disagreement IS NOT NULL "
            "GROUP BY round ORDER BY round"
        ).fetchall()
    apart = np.array([value for _, value in rows])
    assert descent.measured_contraction == pytest.approx(np.median(apart[1::2] / apart[::2]), rel=1e-12)


def test_costs_of_the_folder(series):
    learning = series.learning
    for cost in series.theory.costs:
        at = int(np.argmax(learning.values <= cost.accuracy))
        assert (cost.iteration, cost.rounds) == (learning.iterations[at], learning.rounds[at])
        assert cost.sent_bytes["message"] == learning.sent_bytes[at]
        assert cost.seconds == learning.seconds[at]
    assert [cost.accuracy for cost in series.theory.costs] == [10.0**-i for i in range(1, 10)]
    last = series.theory.costs[-1].sent_bytes
    assert last["payload"] < last["message"] < last["socket"] < last["wire_estimate"]


def test_the_words(series):
    (text,) = theory_sentences(series.theory, "how far the bases move")
    assert "Every agreement sent as many bytes of values as its algorithm predicts." in text
    assert f"An agreement of {AGREEMENT} rounds (descent) left" in text
    assert f"{AGREEMENT - 1} combinations later" in text
    assert "To come down to 10⁻⁹ (how far the bases move) took" in text
    kinds = [dataclasses.replace(series.theory.kinds[-1], measured_payload=7.0)]
    assert (
        "not as many bytes as predicted in descent"
        in theory_sentences(dataclasses.replace(series.theory, kinds=tuple(kinds), costs=()), "")[0]
    )
    unknown = [
        dataclasses.replace(
            kind, predicted_payload=None, predicted_contraction=None, measured_contraction=None
        )
        for kind in series.theory.kinds
    ]
    nothing = dataclasses.replace(series.theory, kinds=tuple(unknown), costs=())
    assert theory_sentences(nothing, "") == []
    assert "not predicted" in theory_card(nothing)


def test_the_tables(series):
    html = theory_card(series.theory)
    descent = series.theory.kinds[-1]
    for told in (power(descent.predicted_contraction), power(descent.measured_contraction), "2.56 kB"):
        assert f">{told}<" in html
    html = cost_card(series.theory, "distance")
    assert html.count("<tr>") == 1 + len(series.theory.costs)
    assert "The distance, the largest of any peer" in html


def test_the_figure_has_a_point_for_each_agreement(run, series):
    (panel,) = [panel for panel in panels(run, series) if panel.key == "agreements"]
    assert list(panel.views) == ["descent"]  # of one agreement there is no line
    chart = panel.views["descent"]
    assert chart.x.tolist() == list(range(INIT, ROUNDS, AGREEMENT))
    measured, predicted = chart.lines
    assert measured.y.tolist() == series.theory.agreements.contraction[1:].tolist()
    assert predicted.y == pytest.approx(run.summary.gamma ** (AGREEMENT - 1))
