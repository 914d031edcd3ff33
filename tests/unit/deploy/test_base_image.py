"""``deploy/base-image.sh`` says what it lacks before it does anything."""

import os
import subprocess
from pathlib import Path
from shutil import which

import pytest

SCRIPT = Path(__file__).parents[3] / "deploy" / "base-image.sh"


def told(*words, path):
    done = subprocess.run(
        [which("bash"), SCRIPT, *words], env={"PATH": str(path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    return done.stderr


@pytest.fixture
def few(tmp_path):
    """A path with the program alone that tells who runs the script."""
    (tmp_path / "id").symlink_to(which("id"))
    return tmp_path


def test_without_a_name(few):
    assert "give the name of the image to make" in told(path=few)


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root is told that first")
def test_without_debootstrap(few):
    assert "debootstrap is not installed; apt-get install debootstrap" in told("base:1", path=few)


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root is told that first")
def test_without_docker(few):
    (few / "debootstrap").symlink_to("/bin/true")
    assert "docker is not installed" in told("base:1", path=few)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
def test_without_root(few):
    assert "debootstrap needs root" in told("base:1", path=few)
