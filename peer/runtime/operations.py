"""What a peer answers to operators: submit, status, watch, cancel, collect."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from time import monotonic

import grpc

from peer import __version__
from peer.config import RunFailed
from peer.protocol.messages import Offer
from peer.protocol.records import RunRecord
from peer.runtime.node import Node
from peer.runtime.results import LEDGER, PEER, RESULT, chunks, ledger_file, peer_file, result_file
from peer.runtime.status import link_statuses, over, run_status, standing
from peer.wire.requests import (
    CancelReply,
    CancelRequest,
    Chunk,
    CollectRequest,
    StatusReply,
    StatusRequest,
    SubmitReply,
    SubmitRequest,
    WatchReply,
    WatchRequest,
)
from topology.errors import InputError

__all__ = ["Operations", "Refused"]

log = logging.getLogger("difpeer")

NEWEST_RUNS = 100
"""Runs that a status tells of."""

SIGN_EVERY_S = 1.0
"""A follower hears of this peer at least that often, and so knows whom it does not hear of."""


class Refused(Exception):
    """A request that this peer does not grant.

    Parameters
    ----------
    code : grpc.StatusCode
        For the client.
    text : str
        Likewise; written for it.
    """

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Operations:
    """Answers for this peer; requests for others never come here.

    Parameters
    ----------
    node : Node
        The peer.
    network_text : str
        Its network, as a network file says it.
    """

    def __init__(self, node: Node, network_text: str) -> None:
        self._node = node
        self._network_text = network_text

    async def submit(self, request: SubmitRequest) -> SubmitReply:
        """Start a run; the answer comes when its record is durable."""
        self._refuse_when_stopping()
        answer = await self._node.submit(
            Offer(request.run, request.spec, request.operator, request.signature)
        )
        if answer.record is None:
            return SubmitReply(request.run, None, busy_with=answer.busy_with or "")
        return SubmitReply(request.run, answer.record.state, answer.record.reason)

    async def status(self, request: StatusRequest) -> StatusReply:
        """Tell of runs and links."""
        del request
        if self._node.ended.done():
            self._refuse_when_stopping()
        node = self._node
        machine, notes = node.machine, node.books.notes
        newest = list(machine.records.items())[-NEWEST_RUNS:]
        return StatusReply(
            peer=node.name,
            incarnation=node.incarnation,
            uptime_s=monotonic() - node.started_s,
            software=f"difpeer {__version__}",
            network=self._network_text,
            runs=tuple(run_status(machine, record, notes[run]) for run, record in newest),
            links=link_statuses(node.links.states),
        )

    async def cancel(self, request: CancelRequest) -> CancelReply:
        """End a run everywhere."""
        state = self._node.cancel(request.run, request.reason)
        # Where the disk has failed, what the machine says is not so: a start will find the record from before.
        self._refuse_when_stopping()
        return CancelReply(state)

    async def watch(self, request: WatchRequest) -> AsyncIterator[WatchReply]:
        """Tell of a run until it is over: at most once in an interval, and now and then where nothing changes."""
        awake = asyncio.Event()
        self._node.watchers.add(awake)
        try:
            told: WatchReply | None = None
            told_s = 0.0
            while True:
                self._refuse_when_stopping()
                awake.clear()
                record = self._record(request.run)
                reply = self._watch_reply(record)
                if reply != told or monotonic() - told_s >= SIGN_EVERY_S:
                    yield reply
                    told, told_s = reply, monotonic()
                if over(record):
                    return
                await self._next_change(awake, record, request.interval_ms / 1000)
        finally:
            self._node.watchers.discard(awake)

    async def collect(self, request: CollectRequest) -> AsyncIterator[Chunk]:
        """Hand out the files of a run that is done here."""
        node = self._node
        record = self._record(request.run)
        try:
            final = await node.disk.run(partial(node.store.result, request.run))
        except RunFailed as error:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, str(error)) from error
        if final is None:
            text = f"run {request.run} is {standing(record)} at {node.name}: it has no result there"
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, text)
        files = {
            RESULT: partial(result_file, final, node.owned),
            LEDGER: partial(ledger_file, node.ledger, request.run),
            PEER: partial(peer_file, node.name, node.incarnation, node.owned, record, node.links.tls),
        }
        for name, make in files.items():
            try:
                data = await node.disk.run(make)
            except (InputError, OSError, sqlite3.Error) as error:
                if name != LEDGER:
                    raise
                # Measurements are worth less than the result.
                log.error("run %s is collected without this peer's ledger: %s", request.run, error)  # noqa: TRY400
                continue
            for chunk in chunks(name, data):
                yield chunk

    async def _next_change(self, awake: asyncio.Event, record: RunRecord, interval_s: float) -> None:
        """Sleep for an interval, less where the run's state changes."""
        loop = asyncio.get_running_loop()
        due = loop.time() + interval_s
        while loop.time() < due and not self._node.stopping:
            if self._node.machine.records[record.run] is not record:
                return
            try:
                async with asyncio.timeout_at(due):
                    await awake.wait()
            except TimeoutError:
                return
            awake.clear()

    def _watch_reply(self, record: RunRecord) -> WatchReply:
        node = self._node
        notes = node.books.notes[record.run]
        total = node.books.socket_bytes()
        return WatchReply(
            status=run_status(node.machine, record, notes),
            metrics={} if notes.driver is None else notes.driver.metrics,
            payload_bytes=notes.payload_bytes,
            message_bytes=notes.message_bytes,
            socket_bytes=None if total is None or notes.socket_base is None else total - notes.socket_base,
        )

    def _record(self, run: str) -> RunRecord:
        record = self._node.machine.records.get(run)
        if record is None:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"{self._node.name} knows no run {run}")
        return record

    def _refuse_when_stopping(self) -> None:
        if self._node.stopping or self._node.ended.done():
            raise Refused(grpc.StatusCode.UNAVAILABLE, f"{self._node.name} is stopping")
