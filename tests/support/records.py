"""A relay that cuts what passes into records of TLS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from tests.unit.measure.relay import Relay, serving

HEADER_BYTES = 5
APPLICATION_DATA = 23


class Record(NamedTuple):
    kind: int
    size: int
    """With its header."""


class Records:
    """Cuts one direction of a connection into records."""

    def __init__(self) -> None:
        self.found: list[Record] = []
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        rest = self._rest
        rest += data
        while len(rest) >= HEADER_BYTES:
            end = HEADER_BYTES + int.from_bytes(rest[3:5])
            if len(rest) < end:
                return
            self.found.append(Record(rest[0], end))
            del rest[:end]


class RecordRelay(Relay):
    """Also keeps the records, by direction."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self.records = {"up": Records(), "down": Records()}

    def passed(self, way: str, data: bytes) -> None:
        self.records[way].feed(data)
        super().passed(way, data)


@asynccontextmanager
async def records_to(target: int) -> AsyncIterator[RecordRelay]:
    relay = RecordRelay(target)
    async with serving(relay):
        yield relay
