"""A serving peer, from its files to its end."""

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from peer.data.store import read_peer, read_truth
from peer.measure.ledger import Ledger
from peer.runtime.credentials import check_loopback
from peer.runtime.logs import start_log
from peer.runtime.node import Node
from peer.runtime.operations import Operations
from peer.runtime.owned import Owned
from peer.runtime.profile import profile
from peer.runtime.service import Service
from peer.runtime.state import StateFolder
from peer.runtime.store import MemoryStore
from topology.errors import InputError
from topology.network import Network, read_network

__all__ = ["Ready", "ServeConfig", "serve"]

log = logging.getLogger("difpeer")

STOP_GRACE_S = 0.5
"""For calls that are still on when the streams and threads have ended."""


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
    network = read_network(config.network)
    listen = _check_addresses(network, config)
    _check_data_folder(network, config)
    owned = Owned(read_peer(config.data), read_truth(config.data), profile(), config.share_coefficients)
    with ExitStack() as stack:
        folder = stack.enter_context(StateFolder(config.state, config.name))
        ledger = Ledger(folder.ledger)
        stack.callback(ledger.close)
        node = Node(network, config.name, folder.incarnation, owned, store=MemoryStore(), ledger=ledger)
        start_log(config.name, node.books.where, as_json=config.log_json)
        service = Service(node, Operations(node, config.network.read_text(encoding="utf-8")))
        await service.start(listen)
        try:
            node.start()
            neighbours = network.neighbours(config.name)
            ready(Ready(config.name, listen, folder.incarnation, neighbours))
            await asyncio.wait((stopped, node.ended), return_when=asyncio.FIRST_COMPLETED)
            if node.ended.done():
                node.ended.result()
        finally:
            await node.stop(f"{config.name} stops")
            await service.stop(STOP_GRACE_S)


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
