"""The limit of open files, in processes of their own: it cannot be raised again."""

import subprocess
import sys

import pytest

from peer.runtime.descriptors import MOST_CONNECTIONS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")

CHILD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, tuple(map(int, sys.argv[1:])))
from peer.runtime.descriptors import most_connections
print(most_connections(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "raised"),
    [
        (1024, 1024, 512, 1024),
        (256, 4000, 2000, 4000),
        (1024, 10_000, MOST_CONNECTIONS, 2 * MOST_CONNECTIONS),
        (9_000, 10_000, MOST_CONNECTIONS, 9_000),
    ],
)
def test_files_keep_half_of_the_descriptors(soft, hard, connections, raised):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(soft), str(hard)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(connections), str(raised)]
