import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

from peer.cli import topology_show
from peer.cli.topology import app
from topology.errors import InputError
from topology.generators import make_network
from topology.lint import lint_network
from topology.mixing import peer_weights
from topology.network import read_network, write_network
from topology.page import network_page
from topology.shipped import shipped_network

WIDE = {"COLUMNS": "160", "TERM": "dumb"}


def call(*words):
    result = CliRunner().invoke(app, [str(word) for word in words], env=WIDE)
    if isinstance(result.exception, InputError):
        raise result.exception
    return result


def document(*words):
    result = call(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_make_writes_the_drawn_network(tmp_path):
    out = tmp_path / "lab.yaml"
    settings = ["--p", 0.4, "--seed", 3, "--mixing", "max-degree", "--base-port", 8000, "--name", "lab"]
    made = document("make", "erdos-renyi", "--peers", 12, *settings, "--out", out)
    expected = make_network(
        "erdos-renyi", 12, p=0.4, seed=3, mixing="max-degree", base_port=8000, name="lab"
    ).network
    assert read_network(out) == expected
    assert made["file"] == str(out)
    assert (made["name"], made["kind"], made["seed"], made["mixing"]) == (
        "lab",
        "erdos-renyi",
        3,
        "max-degree",
    )
    assert (made["num_peers"], made["num_edges"]) == (12, len(expected.edges))
    assert made["added_edges"] == 0
    assert made["gamma"] == lint_network(expected).gamma


def test_make_says_how_many_edges_joined_the_parts(tmp_path):
    words = ["make", "k-regular", "--peers", 10, "--degree", 1, "--out"]
    result = call(*words, tmp_path / "a.yaml")
    assert "10 peers, 9 edges" in result.stdout
    assert "4 random edges were added" in result.stdout
    assert document(*words, tmp_path / "b.yaml")["added_edges"] == 4


def test_make_keeps_an_existing_file(tmp_path):
    out = tmp_path / "lab.yaml"
    out.write_text("mine")
    with pytest.raises(InputError, match=r"lab\.yaml: --out: exists already; give another file"):
        call("make", "ring", "--peers", 4, "--out", out)
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    "words",
    [["--peers", "1"], ["--peers", "4", "--p", "0.5"], ["--peers", "4", "--base-port", "70000"]],
)
def test_make_writes_nothing_when_the_network_is_impossible(tmp_path, words):
    with pytest.raises(InputError):
        call("make", "ring", *words, "--out", tmp_path / "lab.yaml")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["make", "triangle", "--peers", "3", "--out", "x.yaml"],
        ["make", "ring", "--peers", "three", "--out", "x.yaml"],
        ["make", "ring", "--out", "x.yaml"],
        ["make", "ring", "--peers", "3"],
        ["make", "ring", "--peers", "3", "--mixing", "best", "--out", "x.yaml"],
        ["lint"],
        ["convert", "er8"],
        ["convert", "er8", "--out", "x.yaml", "--format", "yaml"],
    ],
)
def test_wrong_words_end_with_status_2(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert call(*words).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_lint_reports_speed_and_bytes():
    report = document("lint", "er8", "--dim", 60, "--rank", 3)
    expected = lint_network(shipped_network("er8"), 60, 3)
    assert report["gamma"] == expected.gamma
    assert report["spectral_gap"] == 1 - expected.gamma
    assert report["doubly_stochastic"] is True
    assert report["rounds_to_1e_6"] == expected.rounds_to_1e_6
    assert report["payload_bytes_per_round"] == 2 * report["num_edges"] * 60 * 3 * 8
    assert report["degrees"]["p0"] == expected.degrees["p0"]
    assert report["warnings"] == []


def test_lint_in_words():
    text = call("lint", "ring8", "--dim", 600, "--rank", 4).stdout
    for part in ("ring8: 8 peers, 8 edges", "0.804738", "307,200", "22", "64", "2 to 2, mean 2.00"):
        assert part in text
    assert "Warning" not in text


def test_lint_counts_one_hop(tmp_path):
    write_network(make_network("complete", 3).network, tmp_path / "a.yaml")
    assert "1 hop " in call("lint", tmp_path / "a.yaml").stdout


def test_lint_warns_in_words(tmp_path):
    write_network(make_network("star", 5, mixing="uniform").network, tmp_path / "a.yaml")
    text = call("lint", tmp_path / "a.yaml").stdout
    assert "never" in text
    assert "Warning: mixing rule uniform is not doubly stochastic" in text
    assert "Warning: one neighbour only: p1, p2, p3, p4" in text
    assert len(document("lint", tmp_path / "a.yaml")["warnings"]) == 4


def test_lint_of_a_bad_file_is_an_input_error(tmp_path):
    (tmp_path / "a.yaml").write_text("name: a\npeers: {a: {}, b: {}}\nedges: []\n")
    with pytest.raises(InputError, match=r"a\.yaml: edges: the network falls into 2 parts: a \| b"):
        call("lint", tmp_path / "a.yaml")


def test_show_lists_peers_with_neighbours_and_weights():
    network = shipped_network("star6")
    shown = document("show", "star6")
    assert [entry["name"] for entry in shown["peers"]] == list(network.names)
    for entry in shown["peers"]:
        own, weights = peer_weights(network, entry["name"])
        assert (entry["own_weight"], entry["weights"]) == (own, weights)
        assert entry["degree"] == len(weights)
        assert entry["address"] == network.peers[entry["name"]].address
    assert shown["gamma"] == lint_network(network).gamma == pytest.approx(5 / 6)
    assert shown["diameter"] == 2


def test_show_in_words():
    lines = call("show", "star6").stdout.splitlines()
    (row,) = [line for line in lines if "127.0.0.1:7101" in line]
    assert row.strip("│ ").split() == [
        "p1",
        "│",
        "127.0.0.1:7101",
        "│",
        "1",
        "│",
        "0.833",
        "│",
        "p0:0.167",
    ]
    assert "6 peers, 5 edges, diameter 2, gamma 0.833333 (spectral gap 0.166667)" in lines


def test_brackets_in_names_and_addresses_are_shown_as_they_are(tmp_path):
    network = make_network("path", 2, name="[bold]lab[/]").network
    write_network(network.with_addresses({"p0": "[fe80::1]:7100"}), tmp_path / "a.yaml")
    text = call("show", tmp_path / "a.yaml").stdout
    assert "[bold]lab[/]" in text
    assert "[fe80::1]:7100" in text
    assert "[bold]lab[/]" in call("lint", tmp_path / "a.yaml").stdout


def test_a_network_that_is_not_there_is_an_input_error():
    with pytest.raises(InputError, match="er20, er8, ring8, star6"):
        call("show", "er9")


@pytest.mark.parametrize("command", ["make", "convert", "lint", "show"])
def test_every_help_has_an_example(command):
    assert f"Example: difpeer topology {command}" in call(command, "--help").stdout


def test_show_draws_the_network():
    lines = call("show", "ring8").stdout.splitlines()
    table = next(at for at, line in enumerate(lines) if "ring8 (mixing" in line)
    assert [name for name in shipped_network("ring8").names if f"{name} " in " ".join(lines[:table])]
    assert any("⠤" in line for line in lines[:table])


def test_show_draws_with_ascii_where_there_is_nothing_else(monkeypatch):
    monkeypatch.setattr(topology_show, "console", Console(width=80))
    result = CliRunner(charset="ascii").invoke(app, ["show", "star6"], env=WIDE)
    assert result.stdout.isascii()
    assert "...." in result.stdout


def test_show_writes_a_page(tmp_path):
    page = tmp_path / "ring8.html"
    assert f"{page}: the same as a page" in call("show", "ring8", "--html", page).stdout
    assert page.read_text() == network_page(shipped_network("ring8"))
    assert document("show", "ring8", "--html", tmp_path / "b.html")["html"] == str(tmp_path / "b.html")
    with pytest.raises(InputError, match=r"ring8\.html: --html: exists already"):
        call("show", "star6", "--html", page)
    with pytest.raises(InputError, match="--html: its folder is not there"):
        call("show", "star6", "--html", tmp_path / "no" / "a.html")


def test_convert_writes_the_network_and_tells_what_was_changed(tmp_path):
    (tmp_path / "a.edges").write_text("3\n0 1\n1 2\n2 2\n")
    words = ["convert", tmp_path / "a.edges", "--mixing", "max-degree", "--base-port", 8000, "--name", "lab"]
    text = call(*words, "--out", tmp_path / "a.yaml").stdout
    assert "a.yaml: 3 peers, 2 edges, gamma 0.6667\n" in text
    assert "Note: nodes are renamed: 0 → p0, 1 → p1, 2 → p2\n" in text
    assert "Note: self-loops are left out (p2)" in text
    made = read_network(tmp_path / "a.yaml")
    assert (made.name, made.mixing, made.peers["p2"].address) == ("lab", "max-degree", "127.0.0.1:8002")
    told = document(*words, "--out", tmp_path / "b.yaml")
    assert (told["format"], told["num_peers"], told["num_edges"]) == ("edges", 3, 2)
    assert told["names"] == {"0": "p0", "1": "p1", "2": "p2"}
    assert len(told["notes"]) == 2
    assert (told["file"], told["source"]) == (str(tmp_path / "b.yaml"), str(tmp_path / "a.edges"))
    with pytest.raises(InputError, match=r"b\.yaml: --out: exists already"):
        call(*words, "--out", tmp_path / "b.yaml")


def test_convert_takes_the_format_that_is_said(tmp_path):
    (tmp_path / "a").write_text("3\n0 1\n")
    with pytest.raises(InputError, match="line 1: found '3' where two names are expected"):
        call("convert", tmp_path / "a", "--format", "edge-list", "--out", tmp_path / "a.yaml")
    assert not (tmp_path / "a.yaml").exists()
