"""Folders of peers: written whole, read back bit for bit, refused when damaged."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peer.data.local import from_tasks
from peer.data.store import (
    block_problem,
    peers_of,
    problem_of,
    read_all,
    read_peer,
    read_truth,
    write_all,
    write_peer,
)
from peer.program import Facts
from tests.unit.data.samples import assert_same, local_data, small
from topology.errors import InputError

TRUTH = np.eye(3)[:, :2]
MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def folder(tmp_path):
    write_peer(tmp_path / "p0", small(held=2), TRUTH)
    return tmp_path / "p0"


def refused(read, *arguments):
    with pytest.raises(InputError) as caught:
        read(*arguments)
    error = caught.value
    assert error.file is not None
    assert error.mend
    return error


def caught(read, folder):
    """What a reader gives back, or its refusal; any other error is raised."""
    try:
        return read(folder)
    except InputError as error:
        return error


def rewrite_manifest(folder, **changes):
    """Change the manifest as another program might, with a digest that fits."""
    data = json.loads((folder / "manifest.json").read_text()) | changes
    del data["digest"]
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    data["digest"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(data))


def replace_rows(folder, **arrays):
    """Put other arrays into rows.npz, and their digest into the manifest."""
    np.savez(folder / "rows.npz", **arrays)
    files = {"rows.npz": hashlib.sha256((folder / "rows.npz").read_bytes()).hexdigest()}
    rewrite_manifest(folder, files=files)


@MANY
@given(local=local_data(), known=st.booleans())
def test_a_folder_gives_back_what_was_written(tmp_path_factory, local, known):
    folder = tmp_path_factory.mktemp("data") / "p0"
    truth = np.eye(local.dim)[:, ::-1] if known else None
    write_peer(folder, local, truth)
    assert_same(local, read_peer(folder))
    found = read_truth(folder)
    assert (found is None) if truth is None else np.array_equal(found, truth)


def test_equal_data_make_equal_files(tmp_path):
    for name in ("a", "b"):
        write_peer(tmp_path / name, small(), TRUTH)
    for file in ("manifest.json", "rows.npz", "truth.npz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@MANY
@given(data=st.data())
def test_a_damaged_byte_is_noticed_or_changes_nothing(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("data") / "p0"
    write_peer(folder, small(held=2), TRUTH)
    file = folder / data.draw(st.sampled_from(["manifest.json", "rows.npz", "truth.npz"]))
    content = bytearray(file.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans(), label="cut"):
        del content[position:]
    else:
        content[position] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content)
    for read, expected in ((read_peer, small(held=2)), (read_truth, TRUTH)):
        found = caught(read, folder)
        if isinstance(found, InputError):
            assert found.file is not None
            assert found.file.startswith(str(folder))
            assert found.mend
        elif read is read_peer:
            assert_same(expected, found)
        else:
            np.testing.assert_array_equal(expected, found)


def test_a_damaged_file_is_named(folder):
    file = folder / "rows.npz"
    file.write_bytes(file.read_bytes()[:-100])
    error = refused(read_peer, folder)
    assert (error.file, error.field) == (str(file), "files.rows.npz")
    assert "SHA-256" in error.problem


@pytest.mark.parametrize("name", ["rows.npz", "manifest.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    error = refused(read_peer, folder)
    assert error.file == str(folder / name)
    assert "missing" in error.problem


def test_the_truth_may_not_vanish_but_serving_does_not_need_it(folder):
    (folder / "truth.npz").unlink()
    assert refused(read_truth, folder).file == str(folder / "truth.npz")
    read_peer(folder)


def test_a_truth_that_the_manifest_does_not_know_is_refused(tmp_path):
    write_peer(tmp_path / "p0", small())
    np.savez(tmp_path / "p0" / "truth.npz", U_true=TRUTH)
    assert "does not know" in refused(read_truth, tmp_path / "p0").problem


@pytest.mark.parametrize(
    ("text", "field", "problem"),
    [
        ("{", None, "not JSON"),
        ("[]", "format", "another program"),
        ('{"format": "other"}', "format", "another program"),
        ('{"format": "difpeer-data", "version": 2}', "version", "found 2, this difpeer reads 1"),
        ('{"format": "difpeer-data", "version": 1}', "task_ids", "missing"),
        ("[" * 100_000, None, "not JSON"),
    ],
)
def test_a_foreign_manifest_is_refused(folder, text, field, problem):
    (folder / "manifest.json").write_text(text)
    error = refused(read_peer, folder)
    assert (error.file, error.field) == (str(folder / "manifest.json"), field)
    assert problem in error.problem


def test_a_changed_manifest_is_refused(folder):
    file = folder / "manifest.json"
    file.write_text(file.read_text().replace('"x1"', '"x9"'))
    error = refused(read_peer, folder)
    assert error.field == "digest"


def test_an_unknown_key_of_the_manifest_gets_a_hint(folder):
    rewrite_manifest(folder, feature=["a"])
    error = refused(read_peer, folder)
    assert error.field == "feature"
    assert "features" in error.mend


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"X": np.array([["a"]], dtype=object)}, "array 'X'", "Python objects"),
        ({"X": np.full((9, 3), np.nan)}, "X", "row 1 holds nan"),
        ({"y": None}, "y", "missing"),
        ({"z": np.zeros(3)}, "z", "unknown array"),
        ({"task_ptr": np.array([0, 4, 9], dtype=np.int32)}, "task_ptr", "int32"),
    ],
)
def test_foreign_arrays_are_refused(folder, change, field, problem):
    local = small()
    arrays = {"task_ptr": local.task_ptr, "X": local.X, "y": local.y} | change
    replace_rows(folder, **{name: array for name, array in arrays.items() if array is not None})
    error = refused(read_peer, folder)
    assert (error.file, error.field) == (str(folder / "rows.npz"), field)
    assert problem in error.problem


@pytest.mark.parametrize("name", ["rows.npz", "manifest.json"])
def test_a_folder_in_the_place_of_a_file_is_refused(folder, name):
    (folder / name).unlink()
    (folder / name).mkdir()
    error = refused(read_peer, folder)
    assert error.file == str(folder / name)
    assert "cannot be read" in error.problem


def test_a_truth_with_other_arrays_is_refused(folder):
    np.savez(folder / "truth.npz", U_true=TRUTH, B_true=TRUTH)
    files = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("rows.npz", "truth.npz")
    }
    rewrite_manifest(folder, files=files)
    error = refused(read_truth, folder)
    assert (error.file, error.field) == (str(folder / "truth.npz"), "U_true")
    assert "['B_true', 'U_true']" in error.problem


def test_a_file_that_is_no_archive_is_refused(folder):
    np.save(folder / "rows.npy", np.zeros(3))
    (folder / "rows.npy").rename(folder / "rows.npz")
    rewrite_manifest(
        folder, files={"rows.npz": hashlib.sha256((folder / "rows.npz").read_bytes()).hexdigest()}
    )
    assert "NPZ" in refused(read_peer, folder).problem


def test_reading_never_unpickles(folder):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(folder / "trapped"),))

    np.savez(folder / "rows.npz", X=np.array([Trap()], dtype=object))
    rewrite_manifest(
        folder, files={"rows.npz": hashlib.sha256((folder / "rows.npz").read_bytes()).hexdigest()}
    )
    refused(read_peer, folder)
    assert not (folder / "trapped").exists()


def test_an_existing_folder_is_not_touched(folder):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    error = refused(write_peer, folder, small(seed=5))
    assert error.file == str(folder)
    assert before == {path: path.read_bytes() for path in folder.iterdir()}


def test_a_place_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    error = refused(write_peer, tmp_path / "file" / "p0", small())
    assert "cannot be written" in error.problem


@pytest.mark.parametrize(
    "truth",
    [
        np.eye(4)[:, :2],
        np.eye(3)[:, :0],
        np.eye(3).astype(np.float32),
        np.ones((3, 2)),
        np.full((3, 1), np.nan),
    ],
)
def test_a_truth_that_does_not_fit_is_refused_and_nothing_is_left(tmp_path, truth):
    error = refused(write_peer, tmp_path / "p0", small(), truth)
    assert error.field == "U_true"
    assert list(tmp_path.iterdir()) == []


def test_what_is_interrupted_leaves_nothing(tmp_path):
    local = small()
    unwritable = from_tasks(list(local.tasks()), ("x0", "x1", "\ud800"))
    with pytest.raises(UnicodeEncodeError):
        write_all(tmp_path / "data", {"p0": (local, None), "p1": (unwritable, None)})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_several_peers_is_told_from_one_peers(tmp_path):
    write_all(tmp_path / "data", {"p0": (small(), None)})
    assert "data/p0" in refused(read_peer, tmp_path / "data").mend
    assert str(tmp_path / "data") in refused(peers_of, tmp_path / "data" / "p0").mend
    assert "no such folder" in refused(read_peer, tmp_path / "other").problem
    assert "no such folder" in refused(peers_of, tmp_path / "other").problem


def test_peers_of_counts_folders_and_refuses_names_that_are_none(tmp_path):
    write_all(tmp_path / "data", {name: (small((str(i),)), None) for i, name in enumerate(["b", "a"])})
    (tmp_path / "data" / "README").write_text("")
    (tmp_path / "data" / ".hidden").mkdir()
    assert peers_of(tmp_path / "data") == ("a", "b")
    (tmp_path / "data" / "Not A Peer").mkdir()
    assert refused(peers_of, tmp_path / "data").file == str(tmp_path / "data" / "Not A Peer")


def test_read_all_reads_the_peers_that_are_named(tmp_path):
    peers = {name: (small((name,), seed=i), None) for i, name in enumerate(["a", "b", "c"])}
    write_all(tmp_path / "data", peers)
    found = read_all(tmp_path / "data", ["c", "a"])
    assert list(found) == ["c", "a"]
    assert_same(peers["c"][0], found["c"])


def test_read_all_refuses_peers_that_do_not_belong_together(tmp_path):
    data = tmp_path / "data"
    write_all(data, {"p0": (small(("1",)), None)})
    write_peer(data / "p1", small(("2",), dim=4))
    error = refused(read_all, data, ["p0", "p1"])
    assert (error.file, error.field) == (str(data / "p1"), "features")
    assert "4 features" in error.problem
    write_peer(data / "p2", small(("1",), seed=3))
    error = refused(read_all, data, ["p0", "p2"])
    assert (error.file, error.field) == (str(data / "p2"), "task_ids")
    error = refused(read_all, data, ["p0", "q0"])
    assert error.file == str(data / "q0")
    assert "use one of: p0, p1, p2" in error.mend


def test_a_folder_copied_by_half_is_noticed(tmp_path):
    write_all(tmp_path / "data", {"p0": (small(), None)})
    (tmp_path / "data" / "p1").mkdir()
    error = refused(read_all, tmp_path / "data", peers_of(tmp_path / "data"))
    assert error.file == str(tmp_path / "data" / "p1" / "manifest.json")


def test_problems_of_one_peer_and_of_a_block_agree():
    peers = [small(("1", "2"), seed=1), small(("3",), seed=2), small(("4", "5", "6"), seed=3)]
    rows = sum(len(local.y) for local in peers)
    facts = Facts(
        num_peers=3, num_tasks=6, total_samples=rows, num_samples=rows / 6, equal_samples=False, dim=3
    )
    U = np.broadcast_to(TRUTH, (3, 3, 2))
    B, residual = block_problem(peers, facts).fit(U)
    gradient = block_problem(peers, facts).gradient(B, residual)
    ends = np.cumsum([0] + [local.num_tasks for local in peers])
    for p, local in enumerate(peers):
        own_B, own_residual = problem_of(local, facts).fit(TRUTH[np.newaxis])
        np.testing.assert_array_equal(own_B, B[ends[p] : ends[p + 1]])
        np.testing.assert_array_equal(problem_of(local, facts).gradient(own_B, own_residual)[0], gradient[p])


def test_the_store_loads_no_large_library():
    script = (
        "import sys, peer.data.store\n"
        "print([name for name in ('pyarrow', 'pandas', 'scipy', 'networkx') if name in sys.modules])"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
