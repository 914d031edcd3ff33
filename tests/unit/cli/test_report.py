"""``difpeer report``, and the report that ``demo`` and ``run`` leave."""

import json
import subprocess
import sys

import pytest

from peer.cli import reporting
from tests.unit.report.folders import RUN, write_folder

LIBRARIES = ("plotly", "matplotlib")


def difpeer(*arguments, hidden=(), cwd=None):
    hide = "".join(f"sys.modules[{name!r}] = None; " for name in hidden)
    code = f"import sys; {hide}from peer.cli.main import main; main()"
    command = [sys.executable, "-c", code, "report", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=cwd)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("here") / "runs" / RUN)


def test_the_page_and_the_figures_by_the_id_of_the_run(folder, tmp_path):
    done = difpeer(RUN, "--figures", tmp_path / "figures", cwd=folder.parents[1])
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "report.html").stat().st_size > 1_000_000
    assert f"written: runs/{RUN}/report.html" in done.stdout
    assert f"written: {tmp_path}/figures/learning-rounds.svg" in done.stdout


def test_json_has_the_same_figures(folder, tmp_path):
    done = difpeer(folder, "--out", tmp_path / "page.html", "--json")
    document = json.loads(done.stdout)
    assert document["report"] == str(tmp_path / "page.html")
    assert document["run_id"] == RUN
    assert len(document["series"]["learning"]["values"]) == 31
    assert document["story"]
    assert document["unknown"] == []
    assert (tmp_path / "page.html").is_file()


def test_bad_input_is_status_2(tmp_path):
    done = difpeer(tmp_path / "nothing")
    assert done.returncode == 2
    assert "there is no such folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("library", ["plotly", "matplotlib"])
def test_without_its_libraries_it_says_how_to_get_them(folder, tmp_path, library):
    done = difpeer(folder, "--out", tmp_path / "page.html", "--figures", tmp_path, hidden=[library])
    assert done.returncode == 2
    assert f"the report needs {library}" in done.stderr
    assert "pip install plotly matplotlib" in done.stderr


def test_a_run_does_not_fail_for_its_report(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "plotly", None)
    reporting.add_report(folder, as_json=False)
    told = capsys.readouterr()
    assert told.out.startswith("report: none, plotly is not installed; pip install plotly matplotlib, then ")
    assert told.err == "", "nothing is being written"
    monkeypatch.undo()
    reporting.add_report(tmp_path, as_json=True)
    told = capsys.readouterr()
    assert told.out == ""
    assert "report: none (InputError" in told.err


def test_a_run_s_report_is_in_its_folder(folder, capsys):
    reporting.add_report(folder, as_json=False)
    assert capsys.readouterr().out == f"report: {folder}/report.html\n"


def test_no_command_loads_the_libraries_before_it_draws():
    code = (
        "import sys, peer.cli.demo, peer.cli.run, peer.cli.serve, peer.cli.report, peer.cli.reporting\n"
        f"print([name for name in {LIBRARIES} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
