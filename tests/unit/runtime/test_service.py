"""What a peer's server says where it cannot be one."""

import errno
import os
import socket
from types import SimpleNamespace

import pytest

from peer.runtime import service
from topology.errors import InputError


def test_why_is_said_also_where_the_system_has_no_ipv6(monkeypatch):
    real = socket.socket

    def without(family=socket.AF_INET, *arguments):
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        return real(family, *arguments)

    monkeypatch.setattr(service.socket, "socket", without)
    with real() as used:
        used.bind(("0.0.0.0", 0))
        used.listen()
        port = used.getsockname()[1]
        assert service._bind_error(f"0.0.0.0:{port}").errno == errno.EADDRINUSE
        assert service._bind_error(f"[::]:{port}").errno == errno.EAFNOSUPPORT


@pytest.mark.parametrize(
    ("listen", "problem", "mend"),
    [
        ("nowhere.invalid:7100", "Name or service not known", "/etc/hosts"),
        ("192.0.2.1:7100", "Cannot assign requested address", "[::]:7100"),
    ],
)
async def test_what_helps_depends_on_why(listen, problem, mend, monkeypatch):
    def refuse(server, where):
        raise RuntimeError(where)

    made = service.Service.__new__(service.Service)
    made._door = SimpleNamespace(open=refuse)
    made._server = None
    with pytest.raises(InputError, match=problem) as caught:
        await made.start(listen)
    assert mend in caught.value.mend
    assert "stop the process" not in caught.value.mend
