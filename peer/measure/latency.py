"""Anatomy of one round: where its time went, from time stamps that the caller took."""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["RoundTimes", "round_times"]


class RoundTimes(NamedTuple):
    """One round at one peer, in nanoseconds.

    ``latency_ns == encode_ns + send_ns + wait_ns + decode_ns``, exactly.

    Attributes
    ----------
    latency_ns : int
        From the program's request to its reply.
    encode_ns : int
        Until the values were encoded.
    send_ns : int
        Until the last of them was handed to the network.
    wait_ns : int
        Until the last expected message was here; 0 where all were here before ours were sent.
    decode_ns : int
        From there to the reply.
    adapt_ns : int
        The program's own time before the request; not part of the latency.
    gated_by : str or None
        Neighbour whose message arrived last; None where none was expected.
    slack_ns : int or None
        How much later than the one before it; None with fewer than two.
    """

    latency_ns: int
    encode_ns: int
    send_ns: int
    wait_ns: int
    decode_ns: int
    adapt_ns: int
    gated_by: str | None
    slack_ns: int | None


def round_times(
    *,
    adapt_ns: int,
    requested_ns: int,
    encoded_ns: int,
    sent_ns: int,
    arrivals: Mapping[str, int],
    delivered_ns: int,
) -> RoundTimes:
    """Split a round's latency.

    All stamps come from one monotonic clock, with ``requested_ns <= encoded_ns <= sent_ns <= delivered_ns``.

    Parameters
    ----------
    adapt_ns : int
        The program's own time before the request.
    requested_ns : int
        When the program asked for the round.
    encoded_ns : int
        When its values were encoded.
    sent_ns : int
        When the last message was handed to the network.
    arrivals : mapping of str to int
        When each expected neighbour's message arrived, at the latest at ``delivered_ns``; before
        ``requested_ns`` for a neighbour that is ahead.
    delivered_ns : int
        When the program got its reply.

    Returns
    -------
    RoundTimes
        Of two messages that arrived at once, the later name gates.
    """
    # One pass and no sorting: this runs in every round.
    gated_by = None
    last_ns = before_ns = 0
    for name, at_ns in arrivals.items():
        if gated_by is None:
            gated_by, last_ns = name, at_ns
        elif at_ns > last_ns or (at_ns == last_ns and name > gated_by):
            gated_by, last_ns, before_ns = name, at_ns, last_ns
        elif at_ns > before_ns:
            before_ns = at_ns
    wait_ns = last_ns - sent_ns if gated_by is not None and last_ns > sent_ns else 0
    return RoundTimes(
        delivered_ns - requested_ns,
        encoded_ns - requested_ns,
        sent_ns - encoded_ns,
        wait_ns,
        delivered_ns - sent_ns - wait_ns,
        adapt_ns,
        gated_by,
        last_ns - before_ns if len(arrivals) > 1 else None,
    )
