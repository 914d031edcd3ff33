"""The tables under the bytes of a round: what each level adds, the framing model beside the kernel, the accounts."""

from collections.abc import Mapping, Sequence
from html import escape

from peer.report.accounts import Accounts
from peer.report.framing import Framing
from peer.report.html import table
from peer.report.reading import Bytes
from peer.report.wording import amount, count, number

__all__ = ["levels"]

MOST_EDGES = 12
"""Directions of edges in the table of the model: those furthest from it."""

Framings = Mapping[tuple[str, str], Framing]


def levels(sizes: Bytes, framing: Framings, accounts: Accounts) -> str:
    """Make the tables.

    Parameters
    ----------
    sizes : Bytes
        Of the summary.
    framing : mapping of (str, str) to Framing
        Of `peer.report.framing.read_framing`.
    accounts : Accounts
        Of `peer.report.accounts.read_accounts`.

    Returns
    -------
    str
        HTML; without what was not measured.
    """
    adds = table(("", "adds", "in all"), _adds(sizes, framing, accounts), numbers=True)
    parts = [_part("What each level adds", adds)]
    if framing:
        parts.append(_model(framing))
    parts.append(_accounts(accounts))
    if accounts.interfaces:
        parts.append(_interfaces(accounts))
    return "".join(parts)


def _part(title: str, body: str, note: str = "") -> str:
    return f"<h3>{escape(title)}</h3>{f'<p>{escape(note)}</p>' if note else ''}{body}"


def _adds(sizes: Bytes, framing: Framings, accounts: Accounts) -> Sequence[tuple[str, str, str]]:
    """From the values outwards: what is put around them, and what there is in all."""
    rows = [("values", "", amount(sizes.payload))]
    if sizes.message is None:
        return rows
    sent = sizes.message + sizes.resent + accounts.control_bytes
    rows += [
        ("envelopes", _signed(sizes.message - sizes.payload), amount(sizes.message)),
        ("after lost connections", _signed(sizes.resent), amount(sizes.message + sizes.resent)),
        ("control between peers", _signed(accounts.control_bytes), amount(sent)),
    ]
    if sizes.socket is None:
        return rows
    modelled = sum(one.explained_bytes - one.message_bytes for one in framing.values())
    rows += [
        ("gRPC and HTTP/2, model", _signed(modelled), amount(sent + modelled)),
        ("not explained", _signed(sizes.socket - sent - modelled), amount(sizes.socket)),
    ]
    if sizes.wire_estimate is not None:
        headers = _signed(sizes.wire_estimate - sizes.socket)
        rows.append(("headers, and sent again by TCP", headers, amount(sizes.wire_estimate)))
    return rows


def _model(framing: Framings) -> str:
    total = sum(framing.values(), Framing(0, 0, 0, 0))
    furthest = sorted(framing.items(), key=lambda item: -abs(item[1].residual_bytes))[:MOST_EDGES]
    rows = [
        (
            f"{peer} – {neighbour}",
            amount(one.measured_bytes),
            amount(one.explained_bytes),
            _each(one.residual_bytes),
        )
        for (peer, neighbour), one in furthest
    ]
    note = (
        "What TCP should have sent for the messages, by constants, beside what the kernel counted. Not explained are "
        f"{_each(total.residual_bytes)} B a message, over all edges"
    )
    note += f"; here are the {MOST_EDGES} furthest." if len(framing) > MOST_EDGES else "."
    head = ("from – to", "kernel", "model", "B a message")
    return _part("Model beside measurement", table(head, rows, numbers=True), note)


def _accounts(accounts: Accounts) -> str:
    rows = [
        (name, count(one.calls), amount(one.bytes_sent), amount(one.bytes_received))
        for name, one in accounts.accounts.items()
    ]
    note = (
        "In messages as gRPC had them, of all peers; each account has connections of its own. Control submits, cancels "
        "and fetches a run, telemetry looks at it: both until its end, in requests, each with one reply or many."
    )
    return _part("Accounts", table(("", "messages, requests", "sent", "received"), rows, numbers=True), note)


def _interfaces(accounts: Accounts) -> str:
    rows = [
        (
            f"{one.peer}, {one.interface}",
            amount(one.bytes_sent),
            amount(one.bytes_received),
            amount(one.wire_estimate),
        )
        for one in accounts.interfaces
    ]
    note = (
        "All that used them from the run's start to its end, with headers. In a container with a network of its own "
        "that is the peer's traffic; on a machine it is that of all its programs."
    )
    head = ("", "sent", "received", "data, estimate")
    return _part("Interfaces", table(head, rows, numbers=True), note)


def _sign(value: float) -> str:
    return "−" if value < 0 else "+"


def _signed(size: int) -> str:
    return f"{_sign(size)}{amount(abs(size))}"


def _each(size: float) -> str:
    return f"{_sign(size)}{number(abs(size))}"
