"""Counters of the network interfaces that this process sees: a container's own, or the whole machine's (Linux)."""

from pathlib import Path
from typing import NamedTuple

__all__ = ["InterfaceSample", "interface_samples"]

DEVICES = Path("/proc/self/net/dev")

# Columns of the file: bytes and packets received, then bytes and packets sent.
_RECEIVED, _SENT = 0, 8


class InterfaceSample(NamedTuple):
    """Counters of one interface since it was made, of everything that used it.

    Attributes
    ----------
    bytes_sent, bytes_received : int
        With the headers of link, IP and TCP.
    packets_sent, packets_received : int
        A segment that the card cuts later is one packet here.
    """

    bytes_sent: int
    bytes_received: int
    packets_sent: int
    packets_received: int


def interface_samples() -> dict[str, InterfaceSample]:
    """Read the counters of all interfaces.

    Returns
    -------
    dict of str to InterfaceSample
        By name; empty where the system has no such file.
    """
    try:
        # A name may have any bytes.
        lines = DEVICES.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        name, colon, rest = line.partition(":")
        if colon:
            counters = list(map(int, rest.split()))
            found[name.strip()] = InterfaceSample(
                counters[_SENT], counters[_RECEIVED], counters[_SENT + 1], counters[_RECEIVED + 1]
            )
    return found
