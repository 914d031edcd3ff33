"""What is installed without a clone: the wheel has all that the command needs, and nothing else."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]


def call(*words, **options):
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_runs_a_demo_from_any_folder(tmp_path):
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    call(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path / "made", ROOT)
    (wheel,) = (tmp_path / "made").glob("difpeer-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} - {wheel.name.split("-py3")[0] + ".dist-info"} == {
        "peer",
        "topology",
    }
    assert {"peer/py.typed", "topology/networks/er8.yaml"} <= set(names)
    assert not [name for name in names if name.endswith((".proto", ".pyc"))]
    call(*pip, "install", "--no-deps", "--target", tmp_path / "installed", wheel)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    program = (sys.executable, "-P", str(tmp_path / "installed" / "bin" / "difpeer"))
    words = (
        "demo",
        "--peers",
        "2",
        "--graph",
        "path",
        "--dim",
        "8",
        "--tasks",
        "6",
        "--iterations",
        "4",
        "--json",
    )
    told = json.loads(call(*program, *words, cwd=tmp_path, env=environment))
    assert told["matches_simulation"] is True
    assert (tmp_path / "runs" / told["run_id"] / "summary.json").exists()
    where = "import peer, topology; print(peer.__file__, topology.__file__)"
    files = call(sys.executable, "-P", "-c", where, cwd=tmp_path, env=environment).split()
    assert all(Path(file).is_relative_to(tmp_path) for file in files)
