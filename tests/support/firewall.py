"""Packets that the kernel drops, as a cut cable does; in a network namespace of its own, so that nobody else is hit."""

import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

_UNSHARE = ("unshare", "--net", "--map-root-user")


def needed() -> None:
    """Skip the test where namespaces or nftables are not to be had."""
    if any(which(tool) is None for tool in ("unshare", "ip", "nft")):
        pytest.skip("needs unshare, ip and nft")
    probe = subprocess.run(
        [*_UNSHARE, "sh", "-c", "ip link set lo up && nft add table inet probe"],
        capture_output=True,
        check=False,
    )
    if probe.returncode:
        pytest.skip(f"no network namespace to be had: {probe.stderr.decode().strip()}")


def inside(module: str, *arguments: str) -> str:
    """Run a module as a program in a network namespace of its own; returns what it prints."""
    root = Path(__file__).parents[2]
    command = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, "-m", module, *arguments]
    done = subprocess.run([*_UNSHARE, *command], capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def prepare() -> None:
    """Make the table whose rules are changed."""
    _nft("add table inet cuts", "add chain inet cuts out { type filter hook output priority 0; }")


def drop(*rules: str) -> None:
    """Drop what matches any of these, and nothing else."""
    _nft("flush chain inet cuts out", *(f"add rule inet cuts out {rule} drop" for rule in rules))


def _nft(*lines: str) -> None:
    subprocess.run(["nft", "-f", "-"], input="\n".join(lines), text=True, check=True)
