"""What a run folder may lack and what not, and what is said about it."""

import json
import sqlite3
from contextlib import closing

import pytest

from peer.measure.run_folder import find_run
from peer.measure.schema import VERSION as LEDGER_VERSION
from peer.measure.summary import VERSION
from peer.report.reading import read_recorded
from peer.report.series import read_series
from peer.report.writing import page
from tests.unit.report.folders import RUN, write_folder
from topology.errors import InputError


@pytest.fixture
def own(tmp_path):
    return write_folder(tmp_path / "runs" / RUN)


def change_summary(folder, **changes):
    path = folder / "summary.json"
    summary = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in summary.items() if value != "gone"}))


def set_ledger_version(folder, version):
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
        ledger.execute(f"PRAGMA user_version = {version}")


def test_a_run_is_found_by_its_folder_or_its_id(own, monkeypatch):
    assert find_run(str(own)) == own
    monkeypatch.chdir(own.parents[1])
    assert find_run(RUN).resolve() == own
    with pytest.raises(
        InputError, match=rf"^nothing: RUN: there is no such folder.*in \./runs there are: {RUN}"
    ):
        find_run("nothing")
    with pytest.raises(InputError, match="RUN: is a file; give the run's folder"):
        find_run(str(own / "summary.json"))


def test_what_a_whole_folder_has(own):
    run = read_recorded(own)
    assert (run.summary.run_id, run.summary.command) == (RUN, "difpeer demo --peers 3")
    assert run.shape == (5, 2)
    assert run.network.names == ("a", "b", "c")
    assert run.spec["rank"] == 2


def test_an_empty_folder_is_no_run(tmp_path):
    with pytest.raises(
        InputError, match=r"RUN: is not a run's folder: it has no summary\.json; give the folder"
    ):
        read_recorded(tmp_path)


@pytest.mark.parametrize("file", ["summary.json", "ledger.sqlite", "spec.yaml", "network.yaml"])
def test_each_missing_part_is_named(own, file):
    (own / file).unlink()
    with pytest.raises(InputError, match=file.replace(".", r"\.")) as error:
        read_recorded(own)
    assert error.value.mend


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda folder: change_summary(folder, version=VERSION + 1),
            "version: is a summary of version 2.*newer difpeer",
        ),
        (
            lambda folder: change_summary(folder, version=0),
            "version: is a summary of version 0.*that wrote it",
        ),
        (lambda folder: change_summary(folder, version="x"), "version: is a summary of version 'x'"),
        (lambda folder: change_summary(folder, wall_s="gone"), "wall_s: this key is missing"),
        (lambda folder: change_summary(folder, bytes={"payload": "x"}), r"summary\.json: bytes"),
        (lambda folder: (folder / "summary.json").write_text("{"), r"summary\.json: cannot be read"),
        (
            lambda folder: set_ledger_version(folder, LEDGER_VERSION + 1),
            f"user_version: is a ledger of version {LEDGER_VERSION + 1}.*newer",
        ),
        (
            lambda folder: set_ledger_version(folder, 0),
            "user_version: is a ledger of version 0.*that wrote it",
        ),
        (lambda folder: (folder / "ledger.sqlite").write_bytes(b""), r"ledger\.sqlite: is empty"),
        (
            lambda folder: (folder / "ledger.sqlite").write_bytes(b"text" * 99),
            r"ledger\.sqlite: is not a ledger",
        ),
    ],
)
def test_what_cannot_be_used_names_file_field_and_mend(own, damage, message):
    damage(own)
    with pytest.raises(InputError, match=message) as error:
        read_recorded(own)
    assert error.value.file
    assert error.value.mend


@pytest.mark.parametrize("part", [0.02, 0.5, 0.99])
def test_a_ledger_that_was_cut_off_is_damaged(own, part):
    data = (own / "ledger.sqlite").read_bytes()
    (own / "ledger.sqlite").write_bytes(data[: int(part * len(data))])
    with pytest.raises(InputError, match=r"ledger\.sqlite: .*damaged"):
        read_series(read_recorded(own))


def test_a_summary_from_before_there_were_versions_is_of_the_first(own):
    change_summary(own, version="gone", profile="gone", command="gone")
    run = read_recorded(own)
    assert (run.summary.profile, run.summary.command) == (None, None)


def test_of_a_simulation_the_summary_is_enough(own):
    change_summary(own, driver="simulation")
    for file in ("ledger.sqlite", "spec.yaml", "network.yaml"):
        (own / file).unlink()
    run = read_recorded(own)
    assert run.ledger is run.spec is run.network is None
    series = read_series(run)
    assert series.learning.values.tolist() == run.summary.subspace_distance.trace
    assert series.traffic is series.timing is series.completeness is None


def test_results_are_not_needed(own):
    for path in (own / "results").iterdir():
        path.write_bytes(b"PK broken")
    assert read_recorded(own).shape is None


def test_a_package_that_is_not_here_and_predicts_nothing_has_a_report(own):
    spec = (own / "spec.yaml").read_text()
    (own / "spec.yaml").write_text(spec.replace("dif-altgdmin", "nobodys-own"))
    summary = json.loads((own / "summary.json").read_text())
    summary["algorithm"] = "nobodys-own"
    summary["bytes"]["predicted_payload"] = None
    (own / "summary.json").write_text(json.dumps(summary))
    run = read_recorded(own)
    text = page(run, read_series(run))
    assert "nobodys-own" in text
