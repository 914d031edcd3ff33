"""What TCP carried on the data connections, by stream, and over all of them."""

from dataclasses import dataclass

from peer.measure.sockets import SocketFinder, SocketSample, TcpSocket, endpoints, opened, peer_endpoint
from peer.runtime.settings import DATA_USER_TIMEOUT_MS
from peer.runtime.stream import Stream

__all__ = ["SocketCounters"]


@dataclass(slots=True)
class _Found:
    stream: Stream
    socket: TcpSocket | None
    last: SocketSample


class SocketCounters:
    """The kernel's counters of the data connections, found once for each and kept when it closes."""

    def __init__(self) -> None:
        self._finder = SocketFinder()
        self._found: dict[int, _Found] = {}
        self._closed_bytes = 0

    def watch(self, stream: Stream) -> None:
        """Begin to count for a stream on which both sides have said Hello."""
        self._found[stream.number] = _Found(stream, self._find(stream), opened())

    def sample(self, stream: Stream) -> SocketSample | None:
        """The counters now; None where they cannot be read."""
        found = self._found.get(stream.number)
        return None if found is None else self._read(found)

    def last(self, stream: Stream) -> SocketSample | None:
        """The newest counters that could be read: those at the opening where none could since."""
        found = self._found.get(stream.number)
        return None if found is None else found.last

    def close(self, stream: Stream) -> SocketSample | None:
        """The counters at the end of a stream, which is forgotten; None where they cannot be read."""
        last = self.sample(stream)
        found = self._found.pop(stream.number, None)
        if found is not None:
            self._closed_bytes += _sent(found.last)
            if found.socket is not None:
                found.socket.close()
        return last

    def sent_bytes(self) -> int | None:
        """Bytes sent on all data connections since the start, retransmitted ones once; None if unknown."""
        total = self._closed_bytes
        for found in self._found.values():
            sample = self._read(found)
            if sample is None:
                return None
            total += _sent(sample)
        return total

    def _read(self, found: _Found) -> SocketSample | None:
        if found.socket is None:
            # Another connection to the same address, half-open perhaps, may have been in the way.
            found.socket = self._find(found.stream)
            if found.socket is None:
                return None
        found.last = found.socket.sample()
        return found.last

    def _find(self, stream: Stream) -> TcpSocket | None:
        if stream.dialled:
            return self._finder.find(endpoints(stream.remote), user_timeout_ms=DATA_USER_TIMEOUT_MS)
        remote = peer_endpoint(stream.remote)
        return None if remote is None else self._finder.find((remote,))


def _sent(sample: SocketSample) -> int:
    return (sample.bytes_sent or 0) - (sample.bytes_retrans or 0)
