"""``difpeer data``: commands on real files."""

import json
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from peer.cli import main as command
from peer.cli.data import app
from peer.data.importing import ImportOptions, import_table
from peer.data.splitting import split
from peer.data.store import peers_of, read_all, read_truth
from peer.data.synthetic import synthesize
from tests.unit.data.samples import assert_same
from topology.errors import InputError
from topology.generators import make_network
from topology.network import write_network

WIDE = {"COLUMNS": "160", "TERM": "dumb"}
SYNTH = ["synth", "--tasks", "9", "--dim", "5", "--samples", "4:8", "--rank", "2", "--seed", "3"]
CSV = "school,score,intake,age,sex\n" + "".join(
    f"{i % 5},{i * 7 % 11},{i * 3 % 8},{i * i % 13},{'MF'[i % 3 == 0]}\n" for i in range(60)
)


def call(*words):
    result = CliRunner().invoke(app, [str(word) for word in words], env=WIDE)
    if isinstance(result.exception, InputError):
        raise result.exception
    return result


def document(*words):
    result = call(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*words):
    result = CliRunner().invoke(app, [str(word) for word in words], env=WIDE)
    assert isinstance(result.exception, InputError), result.output
    assert result.stdout == ""
    assert result.exception.mend
    return result.exception


def assert_written(folder, peers):
    assert peers_of(folder) == tuple(sorted(peers))
    for name, local in read_all(folder, peers).items():
        assert_same(peers[name][0], local)
        truth = read_truth(folder / name)
        if peers[name][1] is None:
            assert truth is None
        else:
            np.testing.assert_array_equal(truth, peers[name][1])


@pytest.fixture
def table(tmp_path):
    (tmp_path / "exam.csv").write_text(CSV)
    return tmp_path / "exam.csv"


def test_synth_writes_what_synthesize_draws(tmp_path):
    out = tmp_path / "deep" / "data"
    shape = ["--condition", 5, "--noise", 0.1, "--holdout", 0.25]
    found = document(*SYNTH, "--peers", 3, *shape, "--out", out)
    expected = synthesize(
        ["p0", "p1", "p2"],
        num_tasks=9,
        dim=5,
        num_samples=(4, 8),
        rank=2,
        condition=5,
        noise=0.1,
        holdout=0.25,
        seed=3,
    )
    assert_written(out, expected)
    assert (found["data"], found["num_peers"], found["num_tasks"], found["truth_rank"]) == (str(out), 3, 9, 2)
    assert found == document("describe", out)


def test_import_for_a_network(tmp_path):
    (tmp_path / "exam.csv").write_text(CSV)
    network = make_network("ring", 4).network
    write_network(network, tmp_path / "ring.yaml")
    words = ("import", tmp_path / "exam.csv", "--task", "school", "--target", "score", "--features", "intake")
    found = document(*words, "--network", tmp_path / "ring.yaml", "--out", tmp_path / "a")
    same = document(*words, "--peers", 4, "--out", tmp_path / "b")
    assert found["peers"] == same["peers"]
    error = refused(*words, "--network", "er8", "--peer", "age", "--out", tmp_path / "c")
    assert error.field == "--peer"
    assert "--network" in error.problem


def test_more_peers_than_tasks_names_the_network_that_has_them(tmp_path):
    words = ("synth", "--tasks", 2, "--dim", 3, "--samples", 5, "--rank", 1, "--out", tmp_path / "a")
    assert str(refused(*words, "--network", "er8")).startswith("er8: peers: 8 peers for 2 tasks; ")
    assert str(refused(*words, "--peers", 3)).startswith("peers: 3 peers for 2 tasks; ")


def test_synth_for_a_network_draws_the_same_tasks_for_its_peers(tmp_path):
    network = make_network("ring", 4).network
    write_network(network, tmp_path / "ring.yaml")
    one = document(*SYNTH, "--network", tmp_path / "ring.yaml", "--out", tmp_path / "a")
    other = document(*SYNTH, "--peers", 4, "--out", tmp_path / "b")
    assert list(one["peers"]) == list(network.names)
    assert one | {"data": ""} == other | {"data": ""}
    assert document(*SYNTH, "--network", "er8", "--out", tmp_path / "c")["num_peers"] == 8


def test_names_of_many_peers_sort_by_number(tmp_path):
    found = document(*SYNTH, "--tasks", 12, "--peers", 11, "--out", tmp_path / "data")
    assert list(found["peers"])[:3] == ["p00", "p01", "p02"]


def test_import_writes_what_import_table_makes(tmp_path, table):
    words = ["--task", "school", "--target", "score", "--features", "age, intake", "--one-hot", "sex"]
    shape = ["--intercept", "--standardize", "--holdout", 0.5, "--seed", 4, "--peers", 2]
    found = document("import", table, *words, *shape, "--out", tmp_path / "data")
    expected = import_table(
        table,
        ImportOptions(
            task="school",
            target="score",
            features=("age", "intake"),
            one_hot=("sex",),
            intercept=True,
            standardize=True,
            holdout=0.5,
            seed=4,
            peers=("p0", "p1"),
        ),
    )
    assert_written(tmp_path / "data", expected)
    assert found["features"] == ["age", "intake", "sex=F", "sex=M", "intercept"]
    assert found["preparation"]["one_hot"] == {"sex": ["F", "M"]}
    assert found["num_rows"] + found["num_holdout_rows"] == 60
    assert found == document("describe", tmp_path / "data")


def test_import_of_npz_needs_no_options(tmp_path):
    X = np.arange(12.0).reshape(6, 2)
    np.savez(tmp_path / "t.npz", X=X, y=X[:, 0], task=[1, 1, 2, 2, 3, 3], peer=["a", "a", "b", "b", "a", "a"])
    found = document("import", tmp_path / "t.npz", "--out", tmp_path / "data")
    assert {name: peer["num_tasks"] for name, peer in found["peers"].items()} == {"a": 2, "b": 1}


def test_split_writes_what_split_deals(tmp_path):
    document(*SYNTH, "--peers", 3, "--out", tmp_path / "data")
    found = document("split", tmp_path / "data", "--network", "er8", "--seed", 2, "--out", tmp_path / "other")
    names = [f"p{i}" for i in range(8)]
    assert_written(tmp_path / "other", split(tmp_path / "data", names, seed=2))
    assert found["num_tasks"] == 9


def test_people_get_a_table(tmp_path, table):
    drawn = call(*SYNTH, "--peers", 3, "--holdout", 0.25, "--out", tmp_path / "data")
    described = call("describe", tmp_path / "data")
    assert drawn.stdout == described.stdout
    for text in ("3 peers, 9 tasks", "p2", "held out", "dimension 5: x0, x1", "truth: known, rank 2"):
        assert text in described.stdout
    words = ["--task", "school", "--target", "score", "--one-hot", "sex", "--peers", 2]
    text = call("import", table, *words, "--out", tmp_path / "exam").stdout
    assert "target: score, tasks: school" in text
    assert "truth: not known" in text


@pytest.mark.parametrize("name", [[], ["synth"], ["import"], ["split"], ["describe"]])
def test_help_has_an_example(name):
    text = " ".join(call(*name, "--help").stdout.split())
    assert call(*name, "--help").exit_code == 0
    assert "Example: difpeer data" in text


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["--peers", 2, "--network", "er8"], "--peers"),
        ([], "--peers"),
        (["--peers", 0], "--peers"),
        (["--peers", 10], "peers"),
        (["--peers", 2, "--rank", 6], "rank"),
        (["--peers", 2, "--samples", "4:x"], "--samples"),
        (["--peers", 2, "--samples", "8:4"], "samples"),
        (["--peers", 2, "--samples", 0], "samples"),
        (["--peers", 2, "--condition", 0.5], "condition"),
        (["--peers", 2, "--noise", "nan"], "noise"),
        (["--peers", 2, "--holdout", 1], "holdout"),
        (["--peers", 2, "--seed", -1], "seed"),
    ],
)
def test_synth_refuses_what_it_cannot_draw_and_writes_nothing(tmp_path, words, field):
    assert refused(*SYNTH, *words, "--out", tmp_path / "data").field == field
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_refused_by_every_command(tmp_path, table):
    document(*SYNTH, "--peers", 3, "--out", tmp_path / "data")
    (tmp_path / "taken").mkdir()
    words = ["import", table, "--task", "school", "--target", "score", "--one-hot", "sex", "--peers", 2]
    for command_line in ([*SYNTH, "--peers", 3], words, ["split", tmp_path / "data", "--peers", 2]):
        error = refused(*command_line, "--out", tmp_path / "taken")
        assert error.file == str(tmp_path / "taken")
        assert error.field == "--out"
    assert list((tmp_path / "taken").iterdir()) == []


def test_import_refuses_a_bad_table_and_writes_nothing(tmp_path, table):
    table.write_text(CSV.replace("\n2,", "\n2,abc", 1))
    words = ["--task", "school", "--target", "score", "--one-hot", "sex", "--peers", 2]
    error = refused("import", table, *words, "--out", tmp_path / "data")
    assert error.field == "column 'score', line 4"
    assert list(tmp_path.iterdir()) == [table]


def test_bad_input_ends_with_status_2_and_its_message_on_stderr(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["difpeer", "data", "describe", str(tmp_path / "none"), "--json"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {tmp_path / 'none'}: no such folder; give a folder")


def test_what_leaves_hardly_anything_to_learn_from_is_said(tmp_path):
    (tmp_path / "t.csv").write_text(CSV)
    words = [
        "import",
        tmp_path / "t.csv",
        "--task",
        "school",
        "--target",
        "score",
        "--features",
        "intake,age",
    ]
    assert (
        "are left to learn from"
        not in call(*words, "--peers", 2, "--holdout", 0.5, "--out", tmp_path / "a").stdout
    )
    told = call(*words, "--peers", 2, "--holdout", 0.9, "--out", tmp_path / "b").stdout
    assert "more rows are held out (55) than are left to learn from (5)" in told


def test_unequal_scales_and_renamed_peers_are_told(tmp_path):
    rows = "".join(
        f"{i % 3},{('Bad Homburg', 'Köln', 'mainz')[i % 3]},{i},{i * i % 7 * 50},{i % 5 / 10}\n"
        for i in range(40)
    )
    (tmp_path / "t.csv").write_text("task,site,y,visitors,rain\n" + rows)
    words = ["import", tmp_path / "t.csv", "--task", "task", "--target", "y", "--peer", "site"]
    told = call(*words, "--out", tmp_path / "a")
    assert "Warning: 'visitors' has" in told.stdout
    assert "'Bad Homburg' is the peer bad-homburg\n'Köln' is the peer koeln\n" in told.stderr
    assert "mainz" not in told.stderr
    found = document(*words, "--without", "rain", "--standardize", "--out", tmp_path / "b")
    assert (found["features"], found["remarks"]) == (["visitors"], [])
    assert "Warning: 'visitors' has" in call("describe", tmp_path / "a").stdout
