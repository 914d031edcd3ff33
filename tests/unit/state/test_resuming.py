import pytest

from peer.protocol.records import RunState
from peer.state.folder import StateFolder
from peer.state.resuming import read_runs
from peer.state.runs import RunFiles
from tests.unit.state.samples import PEER, RUN, checkpoint, failed, kept
from topology.errors import InputError


@pytest.fixture
def folder(tmp_path):
    with StateFolder(tmp_path / "state", PEER) as opened:
        yield opened


def fill(folder, state=RunState.RUNNING, indexes=(), run=RUN, **fields):
    files = RunFiles(folder.runs, PEER, run)
    files.write_record(kept(state, run=run, **fields))
    for index in indexes:
        files.write_checkpoint(checkpoint(index, run=run, needs=max(index - 1, 1)))
    return files


def damage(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def only(folder):
    (held,) = read_runs(folder)
    return held


def test_the_newest_and_what_it_needs(folder):
    fill(folder, indexes=(1, 2, 3))
    held = only(folder)
    assert held.record == kept().record
    assert held.rests_on == kept().rests_on
    assert [found.index for found in held.checkpoints] == [2, 3]
    assert held.passed_over == []


def test_a_damaged_newest_is_passed_over_by_name(folder):
    files = fill(folder, indexes=(1, 2, 3))
    damage(files.checkpoint(3))
    held = only(folder)
    assert [found.index for found in held.checkpoints] == [1, 2]
    assert held.passed_over == [f"{files.checkpoint(3)} is damaged: its SHA-256 is another one"]


def test_a_run_without_checkpoints_begins_again(folder):
    fill(folder)
    assert (only(folder).checkpoints, only(folder).passed_over) == ([], [])


def test_a_running_run_of_which_nothing_can_be_loaded_is_refused(folder):
    files = fill(folder, indexes=(1, 2))
    for index in (1, 2):
        damage(files.checkpoint(index))
    with pytest.raises(InputError) as caught:
        read_runs(folder)
    assert caught.value.file == str(files.checkpoint(2))
    assert "is damaged" in caught.value.problem
    assert f"no checkpoint of the running run {RUN} can be loaded" in caught.value.problem
    assert caught.value.mend.startswith(
        "restore the newest copy of the state folder, or `difpeer runs delete"
    )
    assert f"difpeer runs delete {RUN} --state {folder.path}`" in caught.value.mend


def test_a_checkpoint_that_needs_a_missing_one_is_no_fresh_start(folder):
    files = fill(folder, indexes=(4,))
    with pytest.raises(InputError, match="needs an older checkpoint, which is missing") as caught:
        read_runs(folder)
    assert caught.value.file == str(files.checkpoint(4))


@pytest.mark.parametrize("state", [RunState.ACCEPTED, RunState.RUNNING, RunState.CLOSED])
def test_a_damaged_or_missing_record_is_refused_in_every_state(folder, state):
    files = fill(folder, state)
    damage(files.record)
    with pytest.raises(InputError, match="is damaged") as caught:
        read_runs(folder)
    assert caught.value.file == str(files.record)
    assert "runs delete" in caught.value.mend
    files.write_checkpoint(checkpoint(1))
    files.record.unlink()
    with pytest.raises(InputError, match="is missing"):
        read_runs(folder)


def test_a_done_run_whose_result_is_damaged_is_for_the_protocol_to_end(folder):
    files = fill(folder, RunState.DONE, indexes=(1, 2))
    damage(files.checkpoint(2))
    held = only(folder)
    assert [found.index for found in held.checkpoints] == [1]
    assert len(held.passed_over) == 1


@pytest.mark.parametrize(
    ("state", "reason", "left"),
    [
        (RunState.DONE, None, [1, 2]),
        (RunState.DONE, failed(), [2]),
        (RunState.CLOSED, None, [2]),
        (RunState.TOMB, failed(), []),
    ],
)
def test_of_a_run_that_is_over_only_the_result_is_left(folder, state, reason, left):
    files = fill(folder, state, indexes=(1, 2), reason=reason)
    assert only(folder).record.state is state
    assert files.checkpoints() == left


def test_what_a_killed_process_left_is_tidied_up(folder):
    files = fill(folder)
    (folder.runs / "began").mkdir()
    (folder.runs / "began" / ".record.partial").write_bytes(b"x")
    (files.folder / ".checkpoint-1.partial").write_bytes(b"x")
    (folder.runs / ".gone.partial").mkdir()
    (folder.runs / ".gone.partial" / "record").write_bytes(b"x")
    (folder.path / ".export-1.partial").write_bytes(b"x")
    folder.close()
    folder.keep_lock()
    with StateFolder(folder.path, PEER) as again:
        assert [held.record.run for held in read_runs(again)] == [RUN]
    assert [path.name for path in folder.runs.iterdir()] == [RUN]
    assert [path.name for path in files.folder.iterdir()] == ["record"]
    assert not list(folder.path.glob(".*"))


def test_names_are_made_durable_before_they_are_believed(folder, monkeypatch):
    """A process may have been killed between a rename and the folder's fsync."""
    files = fill(folder, indexes=(1,))
    synced = []
    monkeypatch.setattr("peer.state.runs.sync_folder", synced.append)
    read_runs(folder)
    assert synced == [files.folder]


def test_runs_come_in_the_order_of_their_ids(folder):
    for run in ("b", "a", "c"):
        fill(folder, RunState.CLOSED, run=run)
    assert [held.record.run for held in read_runs(folder)] == ["a", "b", "c"]


def test_a_sound_result_is_not_given_up_for_a_damaged_older_file(folder):
    files = RunFiles(folder.runs, PEER, RUN)
    files.write_record(kept(RunState.DONE))
    files.write_checkpoint(checkpoint(1))
    files.write_checkpoint(checkpoint(2, needs=1, final=True))
    assert only(folder).checkpoints[-1].final
    damage(files.checkpoint(1))
    with pytest.raises(
        InputError, match=f"{files.checkpoint(1)}: is damaged.* the result of run {RUN} is there"
    ):
        read_runs(folder)
    assert files.checkpoints() == [1, 2]
