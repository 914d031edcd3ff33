import json
import subprocess
import sys
from pathlib import Path

import pytest

from peer.state.folder import StateFolder
from topology.errors import InputError

ROOT = Path(__file__).parents[3]
HOLD = """
import sys, time
from peer.state.folder import StateFolder
folder = StateFolder(sys.argv[1], "p0")
print(folder.incarnation, flush=True)
time.sleep(60)
"""


def test_each_start_raises_the_incarnation_durably(tmp_path):
    path = tmp_path / "deep" / "state"
    for expected in (1, 2, 3):
        with StateFolder(path, "p0") as folder:
            assert folder.incarnation == expected
            assert json.loads((path / "peer.json").read_text())["incarnation"] == expected
    assert not list(path.glob(".*partial"))


def test_a_folder_in_use_is_refused_by_name_and_freed_by_a_kill(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "1\n"
        with pytest.raises(InputError, match=f"in use by process {holder.pid}") as caught:
            StateFolder(tmp_path, "p0")
        assert caught.value.file == str(tmp_path)
        assert caught.value.mend
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with StateFolder(tmp_path, "p0") as folder:
        assert folder.incarnation == 2


def test_another_peers_folder_is_refused_and_left_as_it_is(tmp_path):
    StateFolder(tmp_path, "p0").close()
    before = (tmp_path / "peer.json").read_bytes()
    with pytest.raises(InputError, match="belongs to the peer 'p0', not to 'p1'"):
        StateFolder(tmp_path, "p1")
    assert (tmp_path / "peer.json").read_bytes() == before
    # The refused opener let go of the lock.
    StateFolder(tmp_path, "p0").close()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[]", "format 1"),
        (b'{"format": 2, "peer": "p0", "incarnation": 1}', "format 1"),
        (b'{"format": 1, "peer": "p0", "incarnation": "7"}', "found '7'"),
        (b'{"format": 1, "peer": "p0", "incarnation": true}', "found True"),
        (b'{"format": 1, "peer": "p0", "incarnation": 0}', "found 0"),
        (b'{"format": 1, "peer": "p0"}', "found None"),
    ],
)
def test_a_damaged_state_is_refused_not_begun_anew(tmp_path, content, problem):
    (tmp_path / "peer.json").write_bytes(content)
    with pytest.raises(InputError, match=problem) as caught:
        StateFolder(tmp_path, "p0")
    assert str(tmp_path / "peer.json") in str(caught.value)
    assert (tmp_path / "peer.json").read_bytes() == content


def test_a_file_in_the_way_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InputError, match="cannot be used as a state folder"):
        StateFolder(file, "p0")
