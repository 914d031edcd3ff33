"""What the checkup finds on this machine, and where something is missing."""

import resource
import socket
import sys

import pytest

from peer.runtime import checkup as module
from peer.runtime.checkup import Grade, checkup


def findings(folder):
    return {finding.check: finding for finding in checkup(folder)}


def test_a_machine_that_runs_these_tests_is_good_enough(tmp_path):
    found = findings(tmp_path)
    assert Grade.BAD not in {finding.grade for finding in found.values()}
    assert found["BLAS"].grade is Grade.GOOD
    assert "one thread" in found["BLAS"].found
    assert found["pyarrow"].grade is Grade.GOOD
    assert "ms" in found["disk"].found
    assert list(tmp_path.iterdir()) == []


def test_what_is_limited_or_bad_has_a_mend(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    monkeypatch.setattr(module, "available", lambda: False)
    monkeypatch.setattr(module, "SLOW_WRITE_MS", 0.0)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (256, 4096))
    monkeypatch.setattr(module, "blas_kernel", lambda: ("OpenBLAS", 2))
    found = findings(tmp_path)
    for check in ("event loop", "socket counters", "disk", "open files", "pyarrow"):
        assert found[check].grade is Grade.LIMITED, check
        assert found[check].mend
    assert (found["BLAS"].grade, bool(found["BLAS"].mend)) == (Grade.BAD, True)
    assert "pip install pyarrow" in found["pyarrow"].mend


@pytest.mark.parametrize(("system", "grade"), [("darwin", Grade.LIMITED), ("win32", Grade.BAD)])
def test_other_systems_are_told(tmp_path, monkeypatch, system, grade):
    monkeypatch.setattr(sys, "platform", system)
    assert next(iter(checkup(tmp_path))).grade is grade


def test_a_machine_without_ipv6_is_limited(tmp_path, monkeypatch):
    real = socket.create_server

    def refused(address, **options):
        if options["family"] is socket.AF_INET6:
            raise OSError(99, "Cannot assign requested address")
        return real(address, **options)

    monkeypatch.setattr(socket, "create_server", refused)
    found = findings(tmp_path)
    assert (found["IPv4"].grade, found["IPv6"].grade) == (Grade.GOOD, Grade.LIMITED)


def test_a_folder_that_takes_no_files_is_bad():
    disk = findings(module.Path("/proc"))["disk"]
    assert disk.grade is Grade.BAD
    assert "--state" in disk.mend


def test_what_the_kernel_can_do_to_links_is_tried_and_not_needed(tmp_path, monkeypatch):
    assert findings(tmp_path)["link shaping"].grade is not Grade.BAD
    monkeypatch.setattr(module, "_shapes", lambda *setting: setting[0] == "tbf")
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    monkeypatch.setattr(module.shutil, "which", lambda tool: f"/usr/bin/{tool}")
    found = findings(tmp_path)["link shaping"]
    assert (found.grade, found.found) == (Grade.LIMITED, "this kernel has no netem")
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    assert "only root can" in findings(tmp_path)["link shaping"].found
