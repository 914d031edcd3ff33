import json

import pytest
from typer.testing import CliRunner

from peer.cli import doctor
from peer.runtime.checkup import Finding, Grade
from topology.errors import InputError


def call(*words, **environment):
    return CliRunner().invoke(
        doctor.app, [str(word) for word in words], env={"COLUMNS": "80", "TERM": "dumb", **environment}
    )


def test_what_was_found_is_told(tmp_path):
    result = call("--state", tmp_path)
    assert result.exit_code == 0, result.output
    for check in ("system", "BLAS", "socket counters", "disk"):
        assert check in result.stdout
    document = json.loads(call("--state", tmp_path, "--json").stdout)
    assert document["works"] is True
    assert {finding["grade"] for finding in document["findings"]} <= set(Grade)


def test_what_keeps_peers_from_working_is_status_1(monkeypatch):
    bad = Finding("disk", Grade.BAD, "is [full]", "make room")
    monkeypatch.setattr(doctor, "checkup", lambda folder: iter([bad]))
    result = call()
    assert result.exit_code == 1
    assert "is [full]" in result.stdout
    assert "→ make room" in result.stdout


def test_a_folder_that_is_not_there(tmp_path):
    result = call("--state", tmp_path / "none")
    assert isinstance(result.exception, InputError)
    assert result.exception.field == "--state"


def test_a_part_of_no_network(tmp_path):
    result = call("--state", tmp_path, "--key", tmp_path / "p0.key")
    assert isinstance(result.exception, InputError)
    assert result.exception.field == "--network"


def test_the_environment_is_that_of_other_commands_too(tmp_path):
    assert call("--state", tmp_path, DIFPEER_KEY="p0.key", DIFPEER_LISTEN="[::]:7100").exit_code == 0
    result = call("--state", tmp_path, DIFPEER_NETWORK=str(tmp_path / "network.yaml"), DIFPEER_NAME="p0")
    assert isinstance(result.exception, InputError)
    assert result.exception.file == str(tmp_path / "network.yaml")


@pytest.mark.parametrize("grade", list(Grade))
def test_every_grade_has_a_colour(grade):
    assert grade in doctor._STYLES
