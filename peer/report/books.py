"""The balance of a run's books, in words and as a table."""

from collections.abc import Mapping

from peer.measure.double_entry import Balance, OpenEntries
from peer.report.html import card, paragraphs, table
from peer.report.wording import amount, count, listed, plural

__all__ = ["balance_card", "closing", "received_from"]

MOST_EDGES = 12
"""Directions whose sums are shown where all of them close."""

_KINDS = {"value": "value", "confirm": "confirmation"}
_LACKS: Mapping[str, str] = {
    "sender": "the sender has no row of it; counted as the receiver has it",
    "receiver": "the receiver has no row of it",
    "both": "neither end has a row of it",
    "neither": "the two ends wrote down different sizes",
}


def closing(balance: Balance) -> str:
    """Say whether both ends wrote down the same.

    Parameters
    ----------
    balance : Balance
        Of `peer.measure.double_entry.balance`.

    Returns
    -------
    str
        A sentence or a few.
    """
    if balance.closes:
        text = (
            f"The books close: both ends of every edge wrote down the same in every round, "
            f"{plural(balance.values, 'value')} in {plural(len(balance.edges), 'direction')}, each of them counted "
            "where it was sent and where it arrived."
        )
    else:
        told = [
            (balance.one_end, "message", "that only one end wrote down"),
            (balance.no_end, "value", "that neither end wrote down"),
            (balance.unequal, "message", "with different sizes at the two ends"),
        ]
        parts = [f"{plural(number, noun)} {what}" for number, noun, what in told if number]
        text = "The books do not close"
        if parts:
            text += f": of {plural(balance.values, 'value')} there are {'; '.join(parts)}"
        text += "."
        if balance.unknown_edges:
            between = listed([f"between {first} and {second}" for first, second in balance.unknown_edges])
            text += f" Of what was sent {between} nothing is known: the ledgers of both ends are missing."
        elif not balance.no_end:
            text += " Every value is known from one end at least."
    if balance.not_arrived:
        copies = plural(balance.not_arrived, "message")
        text += (
            f" {copies} more went out and only the sender tells of them: copies that were lost with a connection, or "
            "of which the receiver lost its row."
        )
    return text


def balance_card(balance: Balance) -> str:
    """Make the card of the books.

    Parameters
    ----------
    balance : Balance
        Of `peer.measure.double_entry.balance`.

    Returns
    -------
    str
        HTML: which edge and round does not close; where all do, what each direction carried.
    """
    if balance.open:
        body = table(("edge, round", "what", "why"), [_row(one) for one in balance.open])
        if balance.more_open:
            body += paragraphs(
                [
                    f"And {balance.more_open} more; the sums of every edge are in what difpeer report --json prints."
                ]
            )
    else:
        rows = [
            (
                f"{edge.sender} to {edge.receiver}",
                *(count(edge.values_sent), amount(edge.payload_sent)),
                *(count(edge.values_received), amount(edge.payload_received)),
            )
            for edge in balance.edges[:MOST_EDGES]
        ]
        head = ("edge", "values, the sender says", "bytes", "the receiver says", "bytes")
        body = table(head, rows, numbers=True)
        if len(balance.edges) > MOST_EDGES:
            body += paragraphs(
                [f"And {len(balance.edges) - MOST_EDGES} directions more, all of which close."]
            )
    return card("Do both ends agree?", paragraphs([closing(balance)]) + body, "books")


def _row(one: OpenEntries) -> tuple[str, str, str]:
    rounds = (
        f"round {one.first_round}"
        if one.first_round == one.last_round
        else (f"rounds {one.first_round} to {one.last_round}")
    )
    what = f"{plural(one.messages, _KINDS[one.kind])}: {_LACKS[one.lacks]}"
    return f"{one.sender} to {one.receiver}, {rounds}", what, one.why or "not known"


def received_from(balance: Balance, peer: str) -> str:
    """Say what its neighbours have of a peer without a ledger.

    Parameters
    ----------
    balance : Balance
        Of `peer.measure.double_entry.balance`.
    peer : str
        The peer.

    Returns
    -------
    str
        A sentence; empty where nothing is known of it.
    """
    edges = [edge for edge in balance.edges if edge.sender == peer and edge.values_received]
    if not edges:
        return ""
    values, size = sum(edge.values_received for edge in edges), sum(edge.payload_received for edge in edges)
    return (
        f"Its neighbours tell of it: {plural(values, 'value')} of {amount(size)} came from {peer}, over "
        f"{plural(len(edges), 'edge')}."
    )
