import pytest

from peer.protocol.records import RunState
from peer.state.container import Damaged
from peer.state.runs import RunFiles, run_files
from tests.unit.state.samples import PEER, RUN, checkpoint, failed, kept


@pytest.fixture
def files(tmp_path):
    found = RunFiles(tmp_path, PEER, RUN)
    found.write_record(kept())
    return found


def test_records_and_checkpoints_are_read_back(files):
    assert files.read_record() == kept()
    for index in (1, 2, 10):
        files.write_checkpoint(checkpoint(index))
    assert files.checkpoints() == [1, 2, 10]
    assert files.read_checkpoint(10).round == 30
    assert [found.run for found in run_files(files.folder.parent, PEER)] == [RUN]
    assert files.size() == sum(path.stat().st_size for path in files.folder.iterdir()) > 3000


def test_what_is_missing_or_misplaced_is_damage(files):
    files.write_checkpoint(checkpoint(1))
    files.checkpoint(1).rename(files.checkpoint(2))
    with pytest.raises(Damaged, match=r"^is missing$"):
        files.read_checkpoint(1)
    with pytest.raises(Damaged, match="another index: 1, not 2"):
        files.read_checkpoint(2)
    files.record.unlink()
    files.record.mkdir()
    with pytest.raises(Damaged, match="cannot be read"):
        files.read_record()


def test_only_what_nobody_can_need_goes(files):
    for index in (1, 2, 9, 10):
        files.write_checkpoint(checkpoint(index))
    files.remove_below(9)
    assert files.checkpoints() == [9, 10]
    files.keep_result(kept(RunState.CLOSED).record)
    assert files.checkpoints() == [10]
    files.keep_result(kept(RunState.DONE, reason=failed()).record)
    assert files.checkpoints() == [10]
    files.keep_result(kept(RunState.TOMB, reason=failed()).record)
    assert files.checkpoints() == []
    files.keep_result(kept(RunState.CLOSED).record)
    assert files.read_record() == kept()


def test_a_deleted_run_is_gone_and_one_that_was_half_deleted_is_not_taken_for_one(files, monkeypatch):
    def cut_off(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.rmtree", cut_off)
    with pytest.raises(KeyboardInterrupt):
        files.delete()
    assert list(run_files(files.folder.parent, PEER)) == []
    monkeypatch.undo()
    files.write_record(kept())
    with pytest.raises(OSError, match="not empty"):
        files.delete()


def test_one_file_that_cannot_be_removed_keeps_no_others(files):
    for index in (1, 3, 4):
        files.write_checkpoint(checkpoint(index))
    files.checkpoint(2).mkdir()
    with pytest.raises(OSError, match="checkpoint-2"):
        files.remove_below(4)
    assert files.checkpoints() == [2, 4]
