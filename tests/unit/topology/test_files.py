import os
import stat

import pytest

from topology.files import replace_file


@pytest.fixture(params=[0o022, 0o077], ids="{:03o}".format)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def names(folder):
    return [file.name for file in folder.iterdir()]


def test_a_new_file_is_as_the_umask_says_or_as_asked(tmp_path, umask):
    replace_file(tmp_path / "a", b"1")
    replace_file(tmp_path / "b", b"1", mode=0o644)
    assert mode(tmp_path / "a") == 0o666 & ~umask
    assert mode(tmp_path / "b") == 0o644


@pytest.mark.parametrize("before", [0o644, 0o600, 0o660])
def test_a_file_keeps_its_mode(tmp_path, umask, before):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(before)
    replace_file(path, b"new", mode=0o644)
    assert (path.read_bytes(), mode(path)) == (b"new", before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_a_file_keeps_its_owner(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    os.chown(path, 12, 34)
    replace_file(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (12, 34)


def test_a_link_stays_and_what_it_points_to_is_new(tmp_path):
    target = tmp_path / "there" / "a"
    target.parent.mkdir()
    target.write_text("old")
    link = tmp_path / "link"
    link.symlink_to("there/a")
    replace_file(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert names(target.parent) == ["a"]


def test_what_was_there_is_there_still_where_it_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_the_rest_of_a_writer_that_was_interrupted_is_no_hindrance(tmp_path):
    (tmp_path / ".a.new").write_text("half")
    replace_file(tmp_path / "a", b"new")
    assert names(tmp_path) == ["a"]
