"""The command line as a whole: exit statuses, help, and what is loaded."""

import json
import os
import subprocess
import sys

import pytest

from peer import __version__
from peer.cli import main as cli
from peer.config import RunFailed
from topology.errors import InputError, NotYet


def difpeer(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from peer.cli.main import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **options)


def test_version():
    done = difpeer("--version")
    assert (done.returncode, done.stdout) == (0, f"difpeer {__version__}\n")


def test_help_names_every_command():
    done = difpeer("--help")
    assert done.returncode == 0
    for name in cli.COMMANDS:
        assert f" {name} " in done.stdout


GROUPS = {
    "topology": ("make", "convert", "lint", "show"),
    "data": ("synth", "import", "split", "describe"),
    "runs": ("list", "prune", "delete"),
}


@pytest.mark.parametrize(
    "command", [*((name,) for name in cli.COMMANDS), *((g, name) for g in GROUPS for name in GROUPS[g])]
)
def test_every_help_has_an_example(command):
    done = difpeer(*command, "--help")
    assert done.returncode == 0, done.stderr
    assert f"Example: difpeer {command[0]}" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (("topology", "create"), "use one of: convert, lint, make, show. See difpeer topology --help"),
        (("data", "describ"), "did you mean 'describe'? See difpeer data --help"),
        (("serv",), "did you mean 'serve'? See difpeer --help"),
    ],
)
def test_a_command_that_is_not_there_names_those_that_are(words, mend):
    done = difpeer(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: no command '{words[-1]}'; {mend}\n"


def test_bad_input_is_status_2_and_keeps_brackets():
    done = difpeer("topology", "lint", "no such [file].yaml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "no such [file].yaml" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (InputError("x", mend="y"), 2, "error: x; y\n"),
        (NotYet("x", mend="y"), 75, "error: x; y\n"),
        (RunFailed("x"), 1, "error: x\n"),
        (SystemExit(130), 130, "interrupted\n"),
    ],
)
def test_errors_become_statuses(monkeypatch, capsys, error, status, told):
    def fail():
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == status
    assert capsys.readouterr().err == told


def test_json_is_one_document_and_nothing_else(tmp_path):
    spec = tmp_path / "run.yaml"
    spec.write_text("version: 1\nalgorithm: dif-altgdmin\nrank: 2\niterations: 40\n")
    data = tmp_path / "data"
    made = difpeer(
        "data", "synth", "--network", "ring8", "--tasks", "16", "--dim", "12", "--samples", "10",
        "--rank", "2", "--out", str(data), "--json",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    json.loads(made.stdout)
    arguments = ["simulate", str(spec), "--network", "ring8", "--data", str(data), "--json"]
    block, exact = difpeer(*arguments), difpeer(*arguments, "--exact")
    assert block.returncode == exact.returncode == 0, block.stderr + exact.stderr
    ours, theirs = json.loads(block.stdout), json.loads(exact.stdout)
    assert ours["driver"] == "simulation"
    assert len(ours["subspace_distance"]["trace"]) == 41
    assert ours["result_digest"] == theirs["result_digest"]
    assert ours["bytes"] == theirs["bytes"]
    assert ours["bytes"]["payload"] == ours["bytes"]["predicted_payload"]
    assert "simulating: iteration 40/40" in exact.stderr


def test_simulate_refuses_a_spec_that_does_not_fit(tmp_path):
    spec = tmp_path / "run.yaml"
    spec.write_text("version: 1\nalgorithm: dif-altgdmin\nrank: 20\niterations: 40\n")
    data = tmp_path / "data"
    difpeer(
        "data", "synth", "--network", "ring8", "--tasks", "30", "--dim", "12", "--samples", "10",
        "--rank", "2", "--out", str(data),
    )  # fmt: skip
    done = difpeer("simulate", str(spec), "--network", "ring8", "--data", str(data))
    assert done.returncode == 2
    assert "rank: 20 is above the dimension 12" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("difpeer topo", "topology"), ("difpeer runs pr", "prune"), ("difpeer run --at", "--attach")],
)
def test_the_shell_completes_commands_and_options(typed, expected, tmp_path):
    # The shell's variable has the program's name in it.
    program = tmp_path / "difpeer"
    program.write_text("from peer.cli.main import main; main()")
    words = {
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
        "_DIFPEER_COMPLETE": "complete_bash",
    }
    paths = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **words, "PYTHONPATH": paths},
    )
    assert done.stdout.split() == [expected]


def test_a_misspelled_command_is_told_which_was_meant():
    done = difpeer("reprot", "runs/x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: no command 'reprot'; did you mean 'report'? See difpeer --help\n"
    assert "use one of: " in difpeer("zzz").stderr
