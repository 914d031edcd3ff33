"""Cuts by dropped packets: ``python -m tests.support.dropped SECONDS…`` prints what each has cost.

To be run in a network namespace of its own; see ``firewall.py``. p0 dials p1, p1 dials p2.
"""

import asyncio
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from peer.config import canonical_spec
from peer.measure.summary import result_digest
from peer.runtime.client import Client
from peer.runtime.collecting import collect
from peer.runtime.following import follow
from tests.support.firewall import drop, prepare
from tests.support.network import Lab, eventually, lab
from tests.support.problems import dif_spec, local_data, make_tasks, network_of

NETWORK = network_of([("p0", "p1"), ("p1", "p2")])
DATA = local_data(make_tasks(NETWORK.names, (2, 3, 4), 8, seed=5))
SPEC = dif_spec(rank=2, iterations=1_500, seed=4)
GOES_ON_S = 5.0
WAYS = {"both": ("dport", "sport"), "to": ("dport",), "from": ("sport",)}


async def round_of(client: Client) -> int:
    return (await client.status()).runs[-1].round


async def healed(client: Client, what: str) -> None:
    """Heal, and see how long the run takes to go on."""
    before = await round_of(client)
    drop()
    began = monotonic()

    async def goes_on() -> bool:
        return await round_of(client) > before

    await eventually(goes_on, f"p0 goes on after {what}")
    took = monotonic() - began
    print(f"{what}: goes on after {took:.2f} s")
    assert took < GOES_ON_S, what


async def cut(network: Lab, client: Client, way: str, seconds: float) -> None:
    """Cut between p0 and p1, in the middle of the rounds."""
    port = network.address("p1").rpartition(":")[2]
    drop(*(f"tcp {field} {port}" for field in WAYS[way]))
    await asyncio.sleep(seconds)
    await healed(client, f"{way} {seconds:g} s")


async def one_end_idle(network: Lab, client: Client, seconds: float) -> None:
    """The acceptor has something unacknowledged, and the dialler, which has nothing, learns of the cut by its ping."""
    port = network.address("p1").rpartition(":")[2]
    network.processes["p2"].send_signal(signal.SIGSTOP)
    await asyncio.sleep(1)
    drop(*(f"tcp {field} {port}" for field in WAYS["both"]))
    network.processes["p2"].send_signal(signal.SIGCONT)
    await asyncio.sleep(seconds)
    await healed(client, f"dialler idle {seconds:g} s")


async def main(lengths: list[float]) -> None:
    prepare()
    with TemporaryDirectory(prefix="difpeer-cuts-") as folder:
        async with (
            lab(NETWORK, DATA, Path(folder)) as network,
            network.client("p0") as client,
        ):
            await client.submit("a", canonical_spec(SPEC))

            async def learns() -> bool:
                runs = (await client.status()).runs
                return bool(runs) and runs[-1].iteration > 2

            await eventually(learns, "the peers learn")
            for seconds in lengths:
                for way in WAYS:
                    await cut(network, client, way, seconds)
                await one_end_idle(network, client, seconds)
            await follow(client, "a", NETWORK.names, lambda _: None)
            collected = await collect(client, "a", NETWORK.names)
            digests = {name: result_digest(arrays["U"]) for name, arrays in collected.results.items()}
            assert digests == network.digests(SPEC)


if __name__ == "__main__":
    asyncio.run(main([float(seconds) for seconds in sys.argv[1:]]))
