"""A serving peer, from its files to its end."""

import asyncio
import logging
import os
import signal
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from peer.data.manifest import MANIFEST
from peer.data.store import read_peer, read_truth
from peer.measure.journal import unfit
from peer.measure.ledger import Ledger
from peer.measure.meter import Meter
from peer.measure.recorder import Recorder
from peer.protocol.records import RunState
from peer.runtime.access import Access, Loopback, Place, Secured
from peer.runtime.addresses import check_addresses
from peer.runtime.core_log import core_log
from peer.runtime.credentials import Credentials, check_metrics
from peer.runtime.door import Door, GuardedDoor, OpenDoor
from peer.runtime.failpoints import arm, failpoint_of
from peer.runtime.kept import look_at_results
from peer.runtime.logs import start_log
from peer.runtime.node import Node
from peer.runtime.offering import offering
from peer.runtime.operations import Operations
from peer.runtime.owned import Owned
from peer.runtime.profile import profile
from peer.runtime.renewal import keep_renewed
from peer.runtime.resume import refuse_changes, rests_on, resumes_from
from peer.runtime.second import find_first
from peer.runtime.service import Service
from peer.runtime.store import FileStore
from peer.runtime.worker import Worker
from peer.state.folder import StateFolder
from peer.state.resuming import read_runs
from topology.content import network_text
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
    key : Path or None
        The peer's private key; None for ``keys/<name>.key`` beside the network file.
    insecure_loopback : bool
        Without TLS, on this machine only.
    share_coefficients : bool
        Whether ``B`` may be collected.
    log_json : bool
        Log lines as JSON.
    metrics : str or None
        Where Prometheus is answered; None for nowhere.
    metrics_exposed : bool
        Whether that may be where other machines reach it.
    """

    name: str
    network: Path
    data: Path
    state: Path
    listen: str | None = None
    key: Path | None = None
    insecure_loopback: bool = False
    share_coefficients: bool = False
    log_json: bool = False
    metrics: str | None = None
    metrics_exposed: bool = False


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
    _check_name(network, config)
    credentials: Credentials | None = None
    access: Access = Loopback()
    door: Door = OpenDoor()
    if not config.insecure_loopback:
        credentials = Credentials(config.network, config.key, config.name)
        network = credentials.known.network  # the same moment's file as its pins
        credentials.check(network.neighbours(config.name))
        access = Secured(credentials)
        door = GuardedDoor(credentials, network.neighbours(config.name))
    listen = check_addresses(network, config.name, access, listen=config.listen, network_file=config.network)
    scraped = None if config.metrics is None else check_metrics(config.metrics, config.metrics_exposed)
    _check_data_folder(network, config)
    owned = Owned(read_peer(config.data), read_truth(config.data), profile(), config.share_coefficients)
    with ExitStack() as stack:
        stack.enter_context(core_log())
        folder = stack.enter_context(await _state_folder(network, config, access))
        left = _TimeLeft()
        meter = None if scraped is None else Meter()
        ledger = Ledger(folder.ledger, Recorder if meter is None else meter.recorder)
        stack.callback(_close_ledger, ledger, left)
        node = _resume(network, config, folder, owned, ledger, access)
        stack.callback(lambda: node.store.close(left()))
        if failpoint is not None:
            arm(failpoint, node)
        kept = [r.run for r in node.machine.records.values() if r.state in (RunState.DONE, RunState.CLOSED)]
        if meter is not None and scraped is not None:
            from peer.runtime.metrics import serve_metrics  # only who asks for it has to carry it

            stack.callback(serve_metrics(node, meter, *scraped))
        if credentials is None:
            log.warning("without TLS: every program on this machine may submit runs and read their results")
        operations = Operations(node, network_text(network))
        service = Service(node, operations, access, door)
        await _listen(service, listen, config)
        try:
            node.start()
            stack.enter_context(_beside(offering(network, config.name, listen, access), node))
            if credentials is not None:
                watch = keep_renewed(credentials, network, node.links, service.relay, door)
                stack.enter_context(_beside(watch, node))
            ready(Ready(config.name, listen, folder.incarnation, network.neighbours(config.name)))
            stack.callback(look_at_results(node.store, kept))
            await asyncio.wait((stopped, node.ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.begin()
            await node.stop(f"{config.name} stops")
            await service.stop(STOP_GRACE_S)
        if node.ended.done():
            node.ended.result()  # also of what went wrong in stopping


async def _listen(service: Service, listen: str, config: ServeConfig) -> None:
    """Listen; an address that cannot be had is named by where it came from."""
    try:
        await service.start(listen)
    except InputError as error:
        if config.listen is not None:
            raise
        field = f"peers.{config.name}.address"
        raise type(error)(error.problem, file=config.network, field=field, mend=error.mend) from error


@contextmanager
def _beside(work: Coroutine[Any, Any, None], node: Node) -> Iterator[None]:
    """Let something go on beside the peer, which ends where it fails."""
    task = asyncio.create_task(work)

    def ended(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            node.fail(error)

    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.cancel()


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


def _resume(
    network: Network, config: ServeConfig, folder: StateFolder, owned: Owned, ledger: Ledger, access: Access
) -> Node:
    """Make the peer out of what its state folder holds."""
    held = read_runs(folder)
    basis = rests_on(config.data, network)
    refuse_changes(held, owned.fact(), basis, folder.path)
    store = FileStore(folder, [run.record for run in held], basis)
    node = Node(
        network, config.name, folder.incarnation, owned, store=store, ledger=ledger, access=access, held=held
    )
    start_log(config.name, node.books.where, as_json=config.log_json)
    for kept in ledger.damaged:
        log.warning("passed over: %s", unfit(kept))
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
        except (sqlite3.Error, OSError) as error:
            # As in the midst of a run: nothing is computed from it, and a full disk has stopped the peer by now.
            # Rows before the last checkpoint are in the journal, for the next start.
            lost = f"rows since the last checkpoint are lost ({error}); check the disk of {ledger.path}"
            log.error("%s", lost)  # noqa: TRY400

    closer = Worker("ledger")
    closer.post(asyncio.get_running_loop(), close, lambda _: None)
    if not closer.close(left()):
        log.warning(
            "the ledger's last rows may be missing: %s is held by a slow disk or another program", ledger.path
        )


async def _state_folder(network: Network, config: ServeConfig, access: Access) -> StateFolder:
    """Take the state folder; not where another process serves this peer, whatever folder that one has."""
    own = network.peers[config.name].address
    if own is None:
        return StateFolder(config.state, config.name)  # where nobody dials it, nobody can be found either
    place = Place(config.name, own)
    served = InputError(
        f"{config.name} is served at {place} already, by another process with another state folder",
        field="--name",
        mend="stop that process first; a peer has one process and one state folder",
    )
    # Before a new folder is made, which would be left behind.
    if not config.state.exists() and await find_first(place, access):
        raise served
    try:
        folder = StateFolder(config.state, config.name)
    except InputError:
        # In use, perhaps, by a process that should know of this one.
        await find_first(place, access)
        raise
    if await find_first(place, access):
        folder.close()
        raise served
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


def _check_name(network: Network, config: ServeConfig) -> None:
    try:
        network.index(config.name)
    except InputError as error:
        raise InputError(error.problem, file=config.network, field="--name", mend=error.mend) from None


def _check_data_folder(network: Network, config: ServeConfig) -> None:
    """Refuse the folder of another peer: its tasks would count twice, and nobody could see it; and that of all."""
    own = config.data / config.name
    if own.is_dir() and not (config.data / MANIFEST).exists():
        raise InputError(
            f"{config.data} holds a folder for each peer", field="--data", mend=f"give this peer's own, {own}"
        )
    folder = config.data.resolve().name
    if folder != config.name and folder in network.names:
        raise InputError(
            f"{config.data} is the folder of the peer {folder}, not of {config.name}",
            field="--data",
            mend=f"give {config.data.with_name(config.name)}, or rename the folder if the tasks are {config.name}'s",
        )
