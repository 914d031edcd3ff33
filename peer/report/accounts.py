"""What a run cost beside its values: control messages on data connections, requests by account, whole interfaces."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Account", "Accounts", "Interface", "read_accounts"]

OWN_FROM = 0.9
"""Part of a peer's wire estimate that its interfaces, loopback apart, must have sent to be worth telling of."""

_STREAM = """
SELECT count(*) FILTER (WHERE direction = 'sent'), coalesce(sum(message_bytes) FILTER (WHERE direction = 'sent'), 0),
  coalesce(sum(message_bytes) FILTER (WHERE direction = 'received'), 0),
  coalesce(sum(message_bytes) FILTER (WHERE direction = 'sent' AND kind = 'control'), 0)
FROM messages
"""
_REQUESTS = """
SELECT account, sum(calls), sum(sent), sum(received) FROM (
  SELECT account, max(calls) - min(calls) AS calls, max(bytes_sent) - min(bytes_sent) AS sent,
    max(bytes_received) - min(bytes_received) AS received
  FROM accounts GROUP BY peer, incarnation, account)
GROUP BY account
"""
_INTERFACES = """
WITH grown AS (
  SELECT peer, interface, sum(sent) AS sent, sum(received) AS received FROM (
    SELECT peer, interface, max(bytes_sent) - min(bytes_sent) AS sent,
      max(bytes_received) - min(bytes_received) AS received
    FROM interfaces WHERE interface <> 'lo' GROUP BY peer, incarnation, interface)
  GROUP BY peer, interface),
wire AS (
  SELECT peer, sum(bytes) AS bytes FROM (
    SELECT peer, max(bytes_sent) - min(bytes_sent) + (max(segs_out) - min(segs_out)) * max(header_bytes) AS bytes
    FROM sockets GROUP BY peer, incarnation, neighbour, connection)
  GROUP BY peer)
SELECT peer, interface, sent, received, bytes, sum(sent) OVER (PARTITION BY peer)
FROM grown JOIN wire USING (peer) WHERE sent > 0 ORDER BY peer, interface
"""


@dataclass(frozen=True)
class Account:
    """Messages sent, or requests answered or passed on, by all peers; and their bytes as gRPC had them."""

    calls: int
    bytes_sent: int
    bytes_received: int


@dataclass(frozen=True)
class Interface:
    """An interface of a peer's own network in the run, and what its data connections should have put on links."""

    peer: str
    interface: str
    bytes_sent: int
    bytes_received: int
    wire_estimate: int


@dataclass(frozen=True)
class Accounts:
    """What a run cost beside its values.

    Attributes
    ----------
    accounts : mapping of str to Account
        ``data``, ``control`` and ``telemetry``; an account that no peer wrote down is missing.
    control_bytes : int
        Of what was sent on data connections: messages that bear no value, such as that a checkpoint is durable.
    interfaces : tuple of Interface
        Of peers whose interfaces carried what their connections sent. Peers on loopback have none.
    """

    accounts: Mapping[str, Account]
    control_bytes: int
    interfaces: tuple[Interface, ...]


def read_accounts(books: sqlite3.Connection) -> Accounts:
    """Read them out of a ledger.

    Parameters
    ----------
    books : sqlite3.Connection
        The ledger.

    Returns
    -------
    Accounts
        Of all peers.
    """
    calls, sent, received, control = books.execute(_STREAM).fetchone()
    accounts = {"data": Account(calls, sent, received)}
    accounts |= {name: Account(*sums) for name, *sums in books.execute(_REQUESTS)}
    interfaces = tuple(
        Interface(peer, interface, sent, received, wire)
        for peer, interface, sent, received, wire, all_sent in books.execute(_INTERFACES)
        if wire is not None and all_sent >= OWN_FROM * wire
    )
    return Accounts(accounts, control, interfaces)
