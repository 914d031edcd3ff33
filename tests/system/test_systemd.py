"""The unit of systemd: systemd takes it, finds it confined, and a peer works in it."""

import subprocess

import pytest

from peer.deploy.systemd import listen_address, unit_name, unit_text
from tests.support import machines
from tests.unit.deploy.networks import small_network

pytestmark = pytest.mark.system

EXPOSURE = 15
"""In tenths of systemd's ten. What is left is what a peer is for: sockets of the internet and the host's
network make 0.8 of 10, another root folder, a filter of addresses, and netlink for the kernel's counters the rest."""


@pytest.fixture
def unit(tmp_path):
    """A unit whose program is there."""
    machines.needed()
    network = small_network()
    file = tmp_path / unit_name("p0")
    file.write_text(unit_text(network, "p0", listen=listen_address(network, "p0"), program="/usr/bin/env"))
    return file


def test_systemd_understands_every_line(unit):
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_says_which_line_it_does_not_understand(unit):
    unit.write_text(unit.read_text() + "Confined=yes\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False, timeout=60
    )
    assert "Confined" in done.stderr


def test_the_peer_is_exposed_to_little(unit):
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout
