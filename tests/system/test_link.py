"""``deploy/link/link.sh`` in a network of its own: what is sent to a neighbour is limited, by IPv4 and by IPv6."""

import os
import re
import subprocess

import pytest

from tests.support.network import ROOT

pytestmark = pytest.mark.system

SCRIPT = ROOT / "deploy" / "link" / "link.sh"
HOSTS = "10.9.0.2 p1\nfd09::2 p1\n10.9.0.3 p2\nfd09::3 p3\n"

# A device that takes all that is sent; each neighbour gets a datagram by each of its addresses, p9 is no neighbour.
INSIDE = """
set -e
mount --bind {folder}/hosts /etc/hosts
mount -t tmpfs none /run
ip link add name eth0 type veth peer name far && ip link set far up && ip link set eth0 up
ip address add 10.9.0.1/24 dev eth0 && ip address add fd09::1/64 dev eth0 nodad
for last in 2 3 9; do
  ip neighbour replace 10.9.0.$last lladdr 02:00:00:00:00:0$last dev eth0
  ip neighbour replace fd09::$last lladdr 02:00:00:00:00:0$last dev eth0
done
sh {script} p1:1mbit:- p2:2mbit:- p3:3mbit:- &
limiter=$!
sleep 2
python3 - <<'END'
import socket
for family, addresses in ((socket.AF_INET, {four}), (socket.AF_INET6, {six})):
    with socket.socket(family, socket.SOCK_DGRAM) as sending:
        for address in addresses:
            sending.sendto(bytes(900), (address, 7100))
END
tc -s class show dev eth0
kill $limiter
"""


def packets(folder, four=(), six=()):
    """How many packets each neighbour's class has passed."""
    (folder / "hosts").write_text(HOSTS)
    inside = INSIDE.format(folder=folder, script=SCRIPT, four=list(four), six=list(six))
    command = ["unshare", "--net", "--mount", "sh", "-c", inside]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.findall(r"class htb 1:(\d).*?Sent \d+ bytes (\d+) pkt", done.stdout, flags=re.DOTALL)
    return {f"p{number}": int(count) for number, count in found}


@pytest.fixture(autouse=True)
def _root():
    if os.geteuid() != 0:
        pytest.fail("needs root: it makes a network")


def test_both_families_are_limited(tmp_path):
    assert packets(tmp_path) == {"p1": 0, "p2": 0, "p3": 0}
    four = packets(tmp_path, four=["10.9.0.2", "10.9.0.2", "10.9.0.3", "10.9.0.9"])
    assert four == {"p1": 2, "p2": 1, "p3": 0}
    six = packets(tmp_path, six=["fd09::2", "fd09::3", "fd09::3", "fd09::9"])
    assert six == {"p1": 1, "p2": 0, "p3": 2}
