"""A serving peer, from its files to its end."""

import asyncio
import logging
import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from peer.data.store import read_peer, read_truth
from peer.measure.ledger import Ledger
from peer.protocol.records import RunState
from peer.runtime.credentials import check_loopback
from peer.runtime.failpoints import arm, failpoint_of
from peer.runtime.kept import look_at_results
from peer.runtime.logs import start_log
from peer.runtime.node import Node
from peer.runtime.operations import Operations
from peer.runtime.owned import Owned
from peer.runtime.profile import profile
from peer.runtime.resume import refuse_changes, rests_on, resumes_from
from peer.runtime.second import find_first
from peer.runtime.service import Service
from peer.runtime.store import FileStore
from peer.runtime.worker import Worker
from peer.state.folder import StateFolder
from peer.state.resuming import read_runs
from topology.errors import InputError
from topology.network import Network, read_network

__all__ = ["Ready", "ServeConfig", "serve"]

log = logging.getLogger("difpeer")

STOP_GRACE_S = 0.5
"""For calls that are still on when the streams and threads have ended."""

STOP_S = 3.5
"""What a stop may take in all, short of the promised 5 s; the disks get what is left of it at their turn."""

LEAST_S = 0.1
"""So that a thread without work can end, and is not taken for a slow disk."""


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """How a peer is served.

    Attributes
    ----------
    name : str
        Which peer of the network.
    network : Path
        The network file.
    data : Path
        The peer's own folder.
    state : Path
        Its state folder.
    listen : str or None
        Where to listen; None for the address in the network file.
    insecure_loopback : bool
        Without TLS, on this machine only.
    share_coefficients : bool
        Whether ``B`` may be collected.
    log_json : bool
        Log lines as JSON.
    """

    name: str
    network: Path
    data: Path
    state: Path
    listen: str | None = None
    insecure_loopback: bool = False
    share_coefficients: bool = False
    log_json: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """A peer that listens and dials: who, where, which start of it, and with whom."""

    peer: str
    listen: str
    incarnation: int
    neighbours: tuple[str, ...]


async def serve(config: ServeConfig, ready: Callable[[Ready], None]) -> None:
    """Serve a peer until SIGTERM or SIGINT.

    Parameters
    ----------
    config : ServeConfig
        What to serve.
    ready : callable
        Called once, when the peer listens and dials.

    Raises
    ------
    InputError
        If a file, a folder or an address cannot be used.
    RunFailed
        If the peer must not go on; the message says the mend.
    """
    stopped = _signalled()
    failpoint = failpoint_of(os.environ)
    network = read_network(config.network)
    listen = _check_addresses(network, config)
    _check_data_folder(network, config)
    owned = Owned(read_peer(config.data), read_truth(config.data), profile(), config.share_coefficients)
    with ExitStack() as stack:
        folder = stack.enter_context(await _state_folder(network, config))
        left = _TimeLeft()
        ledger = Ledger(folder.ledger)
        stack.callback(_close_ledger, ledger, left)
        node = _resume(network, config, folder, owned, ledger)
        stack.callback(lambda: node.store.close(left()))
        if failpoint is not None:
            arm(failpoint, node)
        kept = [r.run for r in node.machine.records.values() if r.state in (RunState.DONE, RunState.CLOSED)]
        service = Service(node, Operations(node, config.network.read_text(encoding="utf-8")))
        await service.start(listen)
        try:
            node.start()
            neighbours = network.neighbours(config.name)
            ready(Ready(config.name, listen, folder.incarnation, neighbours))
            stack.callback(look_at_results(node.store, kept))
            await asyncio.wait((stopped, node.ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.begin()
            await node.stop(f"{config.name} stops")
            await service.stop(STOP_GRACE_S)
        if node.ended.done():
            node.ended.result()  # also of what went wrong in stopping


class _TimeLeft:
    """Seconds that are left of a stop, once it has begun."""

    def __init__(self) -> None:
        self._due_s: float | None = None

    def begin(self) -> None:
        """The stop begins."""
        self._due_s = monotonic() + STOP_S

    def __call__(self) -> float:
        """All of it where it has not begun: then nothing was served either."""
        return STOP_S if self._due_s is None else max(LEAST_S, self._due_s - monotonic())


def _resume(network: Network, config: ServeConfig, folder: StateFolder, owned: Owned, ledger: Ledger) -> Node:
    """Make the peer out of what its state folder holds."""
    held = read_runs(folder)
    basis = rests_on(config.data, network)
    refuse_changes(held, owned.fact(), basis, folder.path)
    store = FileStore(folder, [run.record for run in held], basis)
    node = Node(network, config.name, folder.incarnation, owned, store=store, ledger=ledger, held=held)
    start_log(config.name, node.books.where, as_json=config.log_json)
    for run in held:
        for damage in run.passed_over:
            log.warning("passed over: %s", damage)
        if run.record.live:
            log.info("%s", resumes_from(run))
    return node


def _close_ledger(ledger: Ledger, left: _TimeLeft) -> None:
    """Close it, in a thread: SQLite waits for a slow disk, and for whoever else has the file open."""

    def close() -> None:
        try:
            ledger.close()
        except sqlite3.Error as error:
            # As in the midst of a run: nothing is computed from it, and a full disk has stopped the peer by now.
            log.error("the ledger's last rows are lost (%s); check the disk of %s", error, ledger.path)  # noqa: TRY400

    closer = Worker("ledger")
    closer.post(asyncio.get_running_loop(), close, lambda _: None)
    if not closer.close(left()):
        log.warning(
            "the ledger's last rows may be missing: %s is held by a slow disk or another program", ledger.path
        )


async def _state_folder(network: Network, config: ServeConfig) -> StateFolder:
    """Take the state folder; not where another process serves this peer, whatever folder that one has."""
    address = str(network.peers[config.name].address)
    try:
        folder = StateFolder(config.state, config.name)
    except InputError:
        # In use, perhaps, by a process that should know of this one.
        await find_first(address, config.name, config.insecure_loopback)
        raise
    if await find_first(address, config.name, config.insecure_loopback):
        folder.close()
        raise InputError(
            f"{config.name} is served at {address} already, by another process with another state folder",
            field="--name",
            mend="stop that process first; a peer has one process and one state folder",
        )
    return folder


def _signalled() -> asyncio.Future[None]:
    """Return what is done at the first SIGTERM or SIGINT; from now on they end nothing by themselves."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[None] = loop.create_future()

    def stop(number: signal.Signals) -> None:
        if not stopped.done():
            log.info("stopping: %s", number.name)
            stopped.set_result(None)

    # Through the loop: KeyboardInterrupt would be raised wherever the loop happens to be (grpc/grpc#26123).
    # They stay until the process ends, so that a second signal cannot cut the stop short.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    return stopped


def _check_addresses(network: Network, config: ServeConfig) -> str:
    """Return where to listen; every address that will be used is checked before anything starts."""
    try:
        network.index(config.name)
    except InputError as error:
        raise InputError(error.problem, file=config.network, field="--name", mend=error.mend) from None
    for name in (config.name, *network.neighbours(config.name)):
        address = network.peers[name].address
        if address is None:
            raise InputError(
                "this peer has no address",
                file=config.network,
                field=f"peers.{name}.address",
                mend='add address: "127.0.0.1:PORT"',
            )
        check_loopback(address, config.insecure_loopback, field=f"peers.{name}.address", file=config.network)
    listen = config.listen or str(network.peers[config.name].address)
    check_loopback(listen, config.insecure_loopback, field="--listen")
    return listen


def _check_data_folder(network: Network, config: ServeConfig) -> None:
    """Refuse the folder of another peer: its tasks would count twice, and nobody could see it."""
    folder = config.data.resolve().name
    if folder != config.name and folder in network.names:
        raise InputError(
            f"{config.data} is the folder of the peer {folder}, not of {config.name}",
            field="--data",
            mend=f"give {config.data.with_name(config.name)}, or rename the folder if the tasks are {config.name}'s",
        )
