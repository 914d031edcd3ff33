"""``difpeer simulate`` on the tutorial's tables: held-out errors, ranks, and runs that are stopped early."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from peer.cli import simulate as command
from peer.config import RunFailed
from peer.data.importing import ImportOptions, import_table
from peer.data.store import write_all
from topology.errors import InputError

TUTORIAL = Path(__file__).parents[3] / "examples" / "tutorial"


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulate")
    for name in ("lab.yaml", "run.yaml"):
        shutil.copy(TUTORIAL / name, folder)
    options = ImportOptions(task="pump", target="power", peer="site", holdout=0.25)
    write_all(folder / "data", import_table(TUTORIAL / "machines.csv", options))
    return folder


def call(here, *words, spec="run.yaml"):
    arguments = [str(here / spec), "--network", str(here / "lab.yaml"), "--data", str(here / "data"), *words]
    result = CliRunner().invoke(command.app, arguments, env={"COLUMNS": "160", "TERM": "dumb"})
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def test_ranks_are_compared_by_the_error_on_held_out_rows(here):
    found = {}
    for rank in (1, 2, 3, 4):
        document = json.loads(call(here, "--rank", str(rank), "--json").stdout)
        found[rank] = document["held_out_rmse"]["all"]
    assert min(found, key=found.get) == 2
    assert found == pytest.approx({1: 1.64, 2: 0.348, 3: 0.381, 4: 0.386}, abs=5e-3)
    assert json.loads(call(here, "--json").stdout)["held_out_rmse"]["all"] == found[2]


def test_the_summary_tells_the_best_and_the_worst_peer(here):
    printed = " ".join(call(here).stdout.split())
    assert "held-out error (RMSE) 0.348 (harbour 0.2734 … valley 0.4654)" in printed


def test_only_a_run_that_is_stopped_early_is_not_settled(here):
    assert "not settled" not in call(here).stdout
    (here / "early.yaml").write_text((here / "run.yaml").read_text().replace("60", "20"))
    early = " ".join(call(here, spec="early.yaml").stdout.split())
    assert "This is not settled: the bases moved by 9.5e-03 in the last iteration" in early


@pytest.mark.parametrize("rank", ["0", "9"])
def test_a_rank_that_cannot_be_is_refused(here, rank):
    with pytest.raises(InputError, match=f"rank: .*{rank}"):
        call(here, "--rank", rank)


def test_a_specification_without_a_rank_has_none_to_replace(here, monkeypatch):
    class NoRank:
        algorithm = "counting"

        def model_dump(self, mode):
            return {"algorithm": self.algorithm}

    monkeypatch.setattr(command, "read_spec", lambda path: NoRank())
    with pytest.raises(InputError, match="--rank: there is no rank to replace; leave it out"):
        call(here, "--rank", "2")


def test_an_error_that_cannot_be_told_does_not_lose_the_run(here, monkeypatch):
    def refuse(*arguments):
        raise RunFailed("no unique solution")

    monkeypatch.setattr(command, "held_out_rmse", refuse)
    done = call(here, "--json")
    assert json.loads(done.stdout)["held_out_rmse"] is None
    assert "the held-out error cannot be told: no unique solution" in done.stderr
