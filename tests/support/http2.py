"""A relay that reads the HTTP/2 frames of what passes."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from tests.unit.measure.relay import Relay, serving

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES = 9
KINDS = {0: "DATA", 1: "HEADERS", 3: "RST_STREAM", 4: "SETTINGS", 6: "PING", 7: "GOAWAY", 8: "WINDOW_UPDATE"}


class Frame(NamedTuple):
    kind: str
    body: bytes

    @property
    def size(self) -> int:
        return HEADER_BYTES + len(self.body)


class Frames:
    """Cuts one direction of a connection into frames."""

    def __init__(self) -> None:
        self.found: list[Frame] = []
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        rest = self._rest
        rest += data
        if rest.startswith(PREFACE):
            del rest[: len(PREFACE)]
        while len(rest) >= HEADER_BYTES and not PREFACE.startswith(rest):
            end = HEADER_BYTES + int.from_bytes(rest[:3])
            if len(rest) < end:
                return
            self.found.append(Frame(KINDS[rest[3]], bytes(rest[HEADER_BYTES:end])))
            del rest[:end]

    def kinds(self) -> Counter[str]:
        return Counter(frame.kind for frame in self.found)


class FrameRelay(Relay):
    """Also keeps the frames, by direction."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self.frames = {"up": Frames(), "down": Frames()}

    def passed(self, way: str, data: bytes) -> None:
        self.frames[way].feed(data)
        super().passed(way, data)


@asynccontextmanager
async def frames_to(target: int) -> AsyncIterator[FrameRelay]:
    relay = FrameRelay(target)
    async with serving(relay):
        yield relay
