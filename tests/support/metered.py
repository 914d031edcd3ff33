"""Peers that answer Prometheus, each at a port of its own."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from tests.support.network import DEADLINE_S, Command, Lab, eventually, free_address, start

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@asynccontextmanager
async def served(network: Lab, name: str, *options: str) -> AsyncIterator[Command]:
    """Serve a peer that the network did not start; it ends in an orderly way with the block."""
    words = ("--name", name, "--network", network.network_file, "--data", network.folder / "data" / name)
    state = network.folder / "state" / name
    command = await start("serve", *words, "--state", state, "--with-parent", *options)
    try:
        yield command
    finally:
        if command.process.returncode is None:
            command.process.send_signal(signal.SIGTERM)
        assert (await command.ended()).status in (0, 2, 75), command.err


@asynccontextmanager
async def metered(network: Lab) -> AsyncIterator[Mapping[str, str]]:
    """Serve all absent peers with metrics; gives where, by name."""
    addresses = {name: free_address() for name in network.absent}
    async with AsyncExitStack() as stack:
        for name, address in addresses.items():
            await stack.enter_async_context(served(network, name, "--metrics", address))
        for address in addresses.values():
            await eventually(lambda at=address: answers(at), f"{address} answers")
        yield addresses


async def answers(address: str) -> bool:
    """Whether there is a page of metrics at an address."""
    try:
        await page(address)
    except OSError:
        return False
    return True


async def page(address: str) -> str:
    """The page of metrics."""
    return (await asyncio.to_thread(_fetch, address)).decode()


def _fetch(address: str) -> bytes:
    with urlopen(f"http://{address}/metrics", timeout=DEADLINE_S) as answer:
        body: bytes = answer.read()
    return body


async def scrape(address: str) -> Samples:
    """All samples of the page, by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(await page(address))
        for sample in family.samples
    }


def summed(samples: Samples, name: str, **labels: str) -> float:
    """The sum of a metric over all samples that have these labels."""
    wanted = labels.items()
    return sum(
        value for (each, about), value in samples.items() if each == name and wanted <= dict(about).items()
    )
