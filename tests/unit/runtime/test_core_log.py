"""What gRPC's core would write to stderr, in a process of its own: the block exchanges file descriptor 2."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = "E0000 00:00:1790000000.000000    4242 ssl_transport_security.cc:1683] "
FAILED = f"{HEAD}Handshake failed with error SSL_ERROR_SSL: error:100000c0:SSL routines:OPENSSL_internal:"
EXPIRED = f"{FAILED}CERTIFICATE_VERIFY_FAILED: certificate has expired"
NO_TLS = f"{FAILED}WRONG_VERSION_NUMBER"
PLAIN = "a TLS handshake failed: the certificate of the other side has expired"

PROGRAM = """
import faulthandler, logging, os, sys, threading, time
from peer.runtime.core_log import core_log
from peer.runtime.logs import start_log

faulthandler.enable()
with core_log():
    start_log("p0", lambda: ("", None), as_json=False)
    say = lambda text: os.write(2, text.encode() + b"\\n")
    {body}
print("after", file=sys.stderr)
logging.getLogger("difpeer").warning("late")
os.write(2, b"raw\\n")
"""


def stderr_of(body, **environment):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body)],
        capture_output=True,
        text=True,
        env={"GRPC_VERBOSITY": "INFO", **environment},
        check=False,
        timeout=60,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_a_failed_handshake_is_told_in_plain_words_and_nothing_else_of_the_core():
    body = f"say({EXPIRED!r}); say({HEAD + 'something else'!r}); say({NO_TLS!r})"
    first, second, *rest = stderr_of(body)
    assert first.endswith(f"WARNING p0: {PLAIN}")
    assert second.endswith("WARNING p0: a TLS handshake failed: the other side does not speak TLS")
    assert [line.rpartition(" ")[2] for line in rest] == ["after", "late", "raw"]


def test_many_are_told_seldom_and_counted():
    body = f"[say({EXPIRED!r}) for _ in range(50)]; time.sleep(1.1); say({EXPIRED!r})"
    first, second, *_ = stderr_of(body)
    assert first.endswith(PLAIN)
    assert second.endswith(f"{PLAIN} (and 49 times before)")


def test_other_lines_pass():
    """A crash has something to say, and so do Python's own."""
    first = stderr_of("say('terminate called'); print('own', file=sys.stderr)")[:2]
    assert sorted(first) == ["own", "terminate called"]


@pytest.mark.parametrize("verbosity", ["DEBUG", "ERROR"])
def test_who_debugs_the_core_sees_all_of_it(verbosity):
    assert HEAD + "something else" in stderr_of(f"say({HEAD + 'something else'!r})", GRPC_VERBOSITY=verbosity)


def test_who_debugs_the_core_sees_what_it_says_right_before_its_end():
    fatal = f"{HEAD.replace('E', 'F', 1)}Check failed: false"
    assert fatal in stderr_of(f"say({fatal!r}); os.abort()", GRPC_VERBOSITY="DEBUG")


def test_a_stderr_that_takes_nothing_does_not_end_the_reader():
    body = (
        "say('x')\n"
        "    reader, = (one for one in threading.enumerate() if one.name == 'core log')\n"
        "    time.sleep(0.5)\n"
        "    print(reader.is_alive())"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.partition("print(")[0].format(body=body)],
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            env={"GRPC_VERBOSITY": "INFO"},
            check=False,
            timeout=60,
        )
    assert done.stdout == "True\n"


def test_a_full_pipe_stops_nobody():
    """The reader stands still, as on a slow terminal: lines are lost, no thread of the core waits."""
    body = (
        "import peer.runtime.core_log as module; module.tls_cause = lambda line: time.sleep(0.5) or 'slow'\n"
        "    lost = 0\n"
        f"    for _ in range(2000):\n"
        f"        try: say({EXPIRED!r})\n"
        "        except BlockingIOError: lost += 1\n"
        "    assert lost > 100\n"
        "    os._exit(0)"
    )
    assert all("Traceback" not in line for line in stderr_of(body))


def test_a_crash_is_told_where_it_was_told_before():
    assert any("Segmentation fault" in line for line in stderr_of("faulthandler._sigsegv()"))
