"""Whose time a run's length was, in sentences: computing, one slow peer, or the network."""

from math import isnan

from peer.measure.bound import Bound
from peer.measure.critical_path import OWN
from peer.report.anatomy import Anatomy
from peer.report.wording import listed, ms, number, percent, plural, seconds

__all__ = ["unknown_times", "what_bounds_it", "which_way_is_slow"]

ABOVE_TCP = 4.0
"""Times half of the kernel's round trip from which on a delay is not said to be the wire's."""

WORTH_TELLING = 0.02
"""Of the path, from which on pauses are told."""


def what_bounds_it(anatomy: Anatomy) -> str:
    """Say whether computing, a straggler or the network bounds the run, and by whom.

    Parameters
    ----------
    anatomy : Anatomy
        Of the run.

    Returns
    -------
    str
        A few sentences; empty where no path is known.
    """
    bound, path = anatomy.bound, anatomy.path
    if bound is None or path is None:
        return ""
    whole = f"of the critical path's {seconds(path.length_s)}"
    if bound.kind == "network":
        return (
            f"The run is network-bound: {percent(bound.exchanging)} {whole} messages were on their way, "
            f"{percent(bound.computing)} a peer computed{_paused(bound)}. "
            f"{_which_link(anatomy, bound)}{_above_tcp(anatomy, bound)}"
        )
    if bound.kind == "straggler" and bound.peer is not None:
        name = anatomy.names[bound.peer]
        return (
            f"The run is straggler-bound, by {name}: {percent(bound.named)} {whole} are {name}'s own computing, which "
            f"takes {number(bound.times_others)} times as long a round as that of the other peers' median. "
            f"Messages were on their way for {percent(bound.exchanging)}{_paused(bound)}."
        )
    alike = "No peer is much slower than the others; most"
    if bound.peer is not None:
        alike = (
            f"{anatomy.names[bound.peer]} takes {number(bound.times_others)} times as long a round as the other peers' "
            "median, but less than half of it is one peer's; most"
        )
    own_s = path.peers_s.sum(axis=1) - path.peers_s[:, OWN.index("pause")]
    most = int(own_s.argmax())
    return (
        f"The run is compute-bound: {percent(bound.computing)} {whole} a peer computed, "
        f"{percent(bound.exchanging)} messages were on their way{_paused(bound)}. {alike} of it, "
        f"{percent(float(own_s[most]) / path.length_s)}, is {anatomy.names[most]}'s."
    )


def _paused(bound: Bound) -> str:
    if bound.paused < WORTH_TELLING:
        return ""
    return f", for {percent(bound.paused)} it paused between rounds or had not begun"


def _which_link(anatomy: Anatomy, bound: Bound) -> str:
    path = anatomy.path
    assert path is not None
    if bound.edge is None:
        if not path.edges:
            return ""
        sender, receiver, length_s, _ = path.edges[0]
        return (
            f"No link has most of it; {sender} to {receiver} has the largest part, "
            f"{percent(length_s / path.length_s)}."
        )
    first, second = (anatomy.names[place] for place in bound.edge)
    link = f"from {first} to {second}" if bound.one_way else f"between {first} and {second}"
    text = f"Most of it is the link {link}, with {percent(bound.named)} of the path"
    gate = next((gate for gate in anatomy.gates if (gate.neighbour, gate.peer) == (first, second)), None)
    if gate is None:
        return f"{text}."
    return (
        f"{text}: in {plural(gate.rounds, 'round')} of {gate.of_rounds} {first}'s message was the last that {second} "
        "waited for."
    )


def _above_tcp(anatomy: Anatomy, bound: Bound) -> str:
    """The kernel's own round trips tell a slow wire from slow processes at its ends."""
    if anatomy.shared_clock:
        return " All peers are on one machine: that is gRPC, and waiting for a processor, rather than a wire."
    path, rtt_ms = anatomy.path, anatomy.kernel_rtt_ms
    assert path is not None
    named = None if bound.edge is None else {anatomy.names[place] for place in bound.edge}
    passed = [edge for edge in path.edges if named is None or {edge[0], edge[1]} == named]
    rounds = sum(edge[3] for edge in passed)
    if rtt_ms is None or not rounds:
        return ""
    delay_ms = 1e3 * sum(edge[2] for edge in passed) / rounds
    if delay_ms < ABOVE_TCP * rtt_ms / 2:
        return ""
    return (
        f" But TCP's own round trips take only {ms(rtt_ms)} there, a message {ms(delay_ms)} one way: most of that is "
        "above TCP, in gRPC, in a proxy, or in processes that wait for a processor."
    )


def which_way_is_slow(anatomy: Anatomy) -> str:
    """Name directions of edges that are slower than their way back, whatever the clocks show.

    Parameters
    ----------
    anatomy : Anatomy
        Of the run.

    Returns
    -------
    str
        A sentence; empty where cycles of edges close or there are none.
    """
    if not anatomy.slower:
        return ""
    one = anatomy.slower[0]
    cycle = " → ".join((*one.around, one.sender))
    text = (
        f"The way from {one.sender} to {one.receiver} is slower than the way back by at least {ms(one.by_ms)}: with "
        f"equal ways the clocks would not agree around {cycle}."
    )
    others = [f"{other.sender} to {other.receiver} ({ms(other.by_ms)})" for other in anatomy.slower[1:6]]
    return f"{text} So is {listed(others)}." if others else text


def unknown_times(anatomy: Anatomy) -> list[str]:
    """Say which times are not known, and why.

    Parameters
    ----------
    anatomy : Anatomy
        Of the run.

    Returns
    -------
    list of str
        Sentences; empty where all are known.
    """
    told = []
    if not anatomy.consistent:
        told.append(
            "Delays, the critical path and rounds on one axis: no offsets and steady rates of the peers' clocks agree "
            "with the times of their messages. A clock was set, or stood still, during the run."
        )
    untied = [clock.peer for clock in anatomy.clocks if isnan(clock.offset_s)]
    if untied:
        told.append(
            f"How the clocks of {listed(sorted(set(untied)))} differ from the others': too few messages have a row at "
            "both ends, or the clock stood still in the run. The critical path, delays and rounds on one axis are "
            "without them."
        )
    if anatomy.path is not None and anatomy.path.lost_s > 0:
        told.append(
            f"Whose {seconds(anatomy.path.lost_s)} of the critical path were: the rows of a peer are missing, or it "
            "was not there."
        )
    if anatomy.path is not None and anatomy.bound is None:
        told.append(
            "What bounds the run: most of the critical path is lost or a pause, or one peer alone is known."
        )
    return told
