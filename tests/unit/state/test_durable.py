import errno
import os
import stat
from pathlib import Path

import pytest

from peer.state.durable import clear_partial, write_durably


class Disk:
    """Records what reaches the system for files of a folder, in order, and fails at one step."""

    def __init__(self, monkeypatch, fails_at=None, number=errno.ENOSPC):
        self.steps = []
        self._fails_at = fails_at
        self._number = number
        self._fsync, self._rename = os.fsync, Path.rename
        monkeypatch.setattr(os, "fsync", self.fsync)
        monkeypatch.setattr(Path, "rename", lambda path, target: self.rename(path, target))

    def fsync(self, descriptor):
        # A file's content is in it before it is synced, or the sync is worth nothing.
        status = os.fstat(descriptor)
        step = "sync folder" if stat.S_ISDIR(status.st_mode) else f"sync {status.st_size} bytes"
        self._step(step, lambda: self._fsync(descriptor))

    def rename(self, path, target):
        self._step("rename", lambda: self._rename(path, target))

    def _step(self, step, carry_out):
        self.steps.append(step)
        if len(self.steps) - 1 == self._fails_at:
            raise OSError(self._number, os.strerror(self._number))
        carry_out()


def test_content_then_name_then_folder(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    write_durably(tmp_path / "record", [b"first", b" and second"])
    assert disk.steps == ["sync 16 bytes", "rename", "sync folder"]
    assert (tmp_path / "record").read_bytes() == b"first and second"
    assert [path.name for path in tmp_path.iterdir()] == ["record"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_whatever_fails_is_raised_and_a_whole_file_is_there(tmp_path, monkeypatch, fails_at, number):
    file = tmp_path / "record"
    write_durably(file, [b"old"])
    disk = Disk(monkeypatch, fails_at, number)
    with pytest.raises(OSError) as caught:
        write_durably(file, [b"new"])
    assert caught.value.errno == number
    assert len(disk.steps) == fails_at + 1, "nothing is done after a failure"
    assert file.read_bytes() == (b"old" if fails_at < 2 else b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["record"]


def test_a_write_that_does_not_fit_leaves_the_old_file_and_no_rest(tmp_path):
    file = tmp_path / "record"
    write_durably(file, [b"old"])

    def parts():
        yield bytes(1 << 20)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_durably(file, parts())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("record", b"old")]


def test_what_was_not_finished_is_cleared_and_nothing_else(tmp_path):
    (tmp_path / ".checkpoint-3.partial").write_bytes(b"x")
    (tmp_path / ".export.partial-journal").write_bytes(b"x")
    (tmp_path / ".a.partial").mkdir()
    (tmp_path / ".a.partial" / "record").write_bytes(b"x")
    (tmp_path / "record").write_bytes(b"x")
    (tmp_path / "x.partial").mkdir()  # a run may be called so
    clear_partial(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["record", "x.partial"]
