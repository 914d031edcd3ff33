"""Keys, pins and certificates that change while a peer serves: taken over without a restart, and looked after."""

import asyncio
import logging
from datetime import UTC, datetime

from peer.identity.certificates import SOON
from peer.identity.ring import how_to_renew
from peer.runtime.credentials import Credentials
from peer.runtime.door import Door
from peer.runtime.links import Links
from peer.runtime.logs import Seldom
from peer.runtime.relay import Relay
from topology.network import Network

__all__ = ["keep_renewed"]

log = logging.getLogger("difpeer")

LOOK_EVERY_S = 2.0
REMIND_EVERY_S = 86_400.0


async def keep_renewed(
    credentials: Credentials, served: Network, links: Links, relay: Relay, door: Door
) -> None:
    """Look at the files and at the clock, for ever.

    Parameters
    ----------
    credentials : Credentials
        Read again where a file has changed.
    served : Network
        The topology at the start, which stays.
    links : Links
        Streams are ended whose grounds do not hold any more.
    relay : Relay
        Its connections are made anew after a change, and closed where their grounds do not hold any more.
    door : Door
        Says which grounds hold.
    """
    remind = Seldom(REMIND_EVERY_S)
    while True:
        if await asyncio.to_thread(credentials.refresh):
            log.info("keys, pins and certificates have been read again")
            relay.renew()
            if _topology(credentials.known.network) != _topology(served):
                log.warning(
                    "%s has other peers, addresses, edges or weights now: restart the peers to use them",
                    credentials.network_file,
                )
        links.recheck(door.over)
        relay.recheck(door.over)
        _remind(credentials, remind)
        await asyncio.sleep(LOOK_EVERY_S)


def _topology(network: Network) -> tuple[object, ...]:
    """What is used as it was at the start."""
    addresses = {name: entry.address for name, entry in network.peers.items()}
    edges = [(edge.first, edge.second, edge.dialler) for edge in network.edges]
    return addresses, edges, network.mixing


def _remind(credentials: Credentials, remind: Seldom) -> None:
    """Own certificates in time: of an expired one the neighbours say nothing."""
    now = datetime.now(UTC)
    own = max(credentials.known.identity.certificates, key=lambda one: one.not_after)
    expired = now > own.not_after
    if own.not_after - now > SOON or not remind.allows(f"{own.not_after} {expired}"):
        return
    when = f"{own.not_after:%Y-%m-%d %H:%M} UTC"
    renew = how_to_renew(own.name, credentials.network_file)
    if expired:
        log.error("the certificate of %s expired at %s; no neighbour takes it: %s", own.name, when, renew)
    else:
        log.warning("the certificate of %s expires at %s: %s", own.name, when, renew)
