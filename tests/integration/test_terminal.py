"""What a run looks like on a terminal, a real pseudo-terminal of 80 columns."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

pytestmark = pytest.mark.network

ROWS, COLUMNS = 30, 80


def on_a_terminal(*words, cwd):
    """Run a command whose output goes to a terminal; gives its status and all that the terminal got."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", "from peer.cli.main import main; main()", *words]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=environment, close_fds=True
    )
    os.close(theirs)
    got = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        got += part
    os.close(ours)
    return process.wait(60), got.decode()


def test_the_demo_is_shown_as_it_goes_on(tmp_path):
    words = ("--peers", "3", "--graph", "ring", "--dim", "20", "--tasks", "9", "--iterations", "400")
    status, text = on_a_terminal("demo", *words, cwd=tmp_path)
    assert status == 0, text
    # Going up a line begins one, too.
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.replace("\x1b[1A", "\n")).replace("\r", "")
    assert re.search(r"learning: 0:0\d, round \d+ ", plain)
    assert re.search(r"^p2 +\d+/400 ", plain, re.MULTILINE)
    assert "subspace distance, worst peer: " in plain
    assert re.search(r"1e\+0 │ *[⠀-⣿]", plain)
    assert all(
        len(line) <= COLUMNS for line in plain.splitlines() if line.startswith(("p0", "p1", "p2", " 1e"))
    )
    # The last picture stays, the cursor is back, and the summary follows.
    assert text.rindex("\x1b[?25h") < text.index("equal to simulate --exact")
