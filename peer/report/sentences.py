"""A run in sentences: what was learnt, at which cost, and where the time went."""

from collections.abc import Mapping

from peer.measure.figures import SUBSPACE_DISTANCE
from peer.report.learning import Learning
from peer.report.reading import Recorded
from peer.report.series import RunSeries
from peer.report.timing import PARTS, Timing
from peer.report.wording import amount, listed, ms, percent, plural, power, seconds, spelled

__all__ = ["METRICS", "headline", "story"]

NAMED_FROM = 1.5
"""Times the waiting that a peer's place in the network explains, from which on it is named."""

METRICS: Mapping[str, str] = {
    SUBSPACE_DISTANCE: "distance to the true subspace",
    "disagreement": "largest difference to a neighbour",
    "moved": "how far the bases move in an iteration",
}
"""What the numbers of an iteration are called; others by their own name."""


def headline(run: Recorded, series: RunSeries) -> str:
    """Say in one line what came out.

    Parameters
    ----------
    run : Recorded
        The run.
    series : RunSeries
        Its series.

    Returns
    -------
    str
        Without a full stop.
    """
    summary = run.summary
    peers = spelled(summary.num_peers, "peer")
    if summary.missing_peers:
        here = spelled(summary.num_peers - len(summary.missing_peers), "peer").partition(" ")[0]
        peers = f"{here} of {peers}"
    peers = peers.capitalize()
    distance = summary.subspace_distance
    if distance is not None and distance.final is not None:
        return f"{peers} learnt a shared subspace to a distance of {power(distance.final)}"
    if series.learning is not None and series.learning.metric == "moved":
        return f"{peers} learnt a subspace that still moves by {power(float(series.learning.values[-1]))}"
    if summary.consensus_error is not None:
        return f"{peers} learnt a subspace and agree on it to {power(summary.consensus_error)}"
    return f"{peers} learnt a shared subspace"


def story(run: Recorded, series: RunSeries) -> list[str]:
    """Tell the run in a few sentences, one paragraph for each question a colleague asks.

    Parameters
    ----------
    run : Recorded
        The run.
    series : RunSeries
        Its series.

    Returns
    -------
    list of str
        Paragraphs of plain text.
    """
    told = [_learnt(run, series.learning), _bytes(run), _time(run, series.timing)]
    matches = run.summary.matches_simulation
    if matches is not None:
        told.append(
            f"The result of every peer{' that is here' if run.summary.missing_peers else ''} equals that of the exact "
            "simulation, bit for bit."
            if matches
            else "The results DIFFER from those of the exact simulation: this must not be, and should be reported."
        )
    checks = series.completeness
    if checks is not None and checks.values and not checks.one_end:
        told.append(
            f"Both ends of every edge wrote down the same: {plural(checks.values, 'message')} with values, "
            "each of them counted where it was sent and where it arrived."
        )
    return told


def _learnt(run: Recorded, learning: Learning | None) -> str:
    summary = run.summary
    what = (
        "a shared subspace"
        if run.shape is None
        else f"a subspace of dimension {run.shape[1]} in {run.shape[0]} features"
    )
    where = "in a simulation of a network" if summary.driver == "simulation" else "on a network"
    text = (
        f"By {summary.algorithm}, {spelled(summary.num_peers, 'peer')} {where} with "
        f"{plural(summary.num_edges, 'edge')} learnt {what}, in {plural(summary.iterations, 'iteration')} and "
        f"{plural(summary.rounds, 'round')} of exchange with their neighbours. "
    )
    if learning is not None and learning.metric == SUBSPACE_DISTANCE:
        text += (
            f"The distance to the true subspace went from {power(float(learning.values[0]))} to "
            f"{power(float(learning.values[-1]))}; the peer that is furthest away counts. "
        )
    elif learning is not None:
        name = METRICS.get(learning.metric, learning.metric)
        text += (
            f"No true subspace is known here. What the algorithm tells of itself, {name}, went from "
            f"{power(float(learning.values[0]))} in iteration {learning.iterations[0]} to "
            f"{power(float(learning.values[-1]))} in iteration {learning.iterations[-1]}, the largest of any peer. "
        )
    if summary.consensus_error is not None:
        text += f"At the end no peer's basis is further than {power(summary.consensus_error)} from the mean of all."
    return text.strip()


def _bytes(run: Recorded) -> str:
    sizes = run.summary.bytes
    if sizes.message is None:
        return (
            f"The values that the peers would send come to {amount(sizes.payload)}, "
            f"{amount(sizes.payload / max(run.summary.rounds, 1))} a round."
        )
    text = (
        f"The values themselves are {amount(sizes.payload)}; as messages handed to gRPC they are "
        f"{amount(sizes.message)}"
    )
    if sizes.payload:
        text += f" ({_over(sizes.message, sizes.payload)})"
    if sizes.socket is not None:
        most = "" if not sizes.uncounted_connections else " at least"
        text += (
            f", and TCP carried{most} {amount(sizes.socket)} in all ({_over(sizes.socket, sizes.payload)})"
        )
        text += f", {amount(sizes.socket / max(run.summary.rounds, 1))} a round"
    text += ". "
    if sizes.wire_estimate is not None:
        text += f"With the headers of link, IP and TCP about {amount(sizes.wire_estimate)}: this one is an estimate. "
    text += (
        f"After lost connections {amount(sizes.resent)} were sent beside that: values again, and digests to compare."
        if sizes.resent
        else "Nothing was sent twice."
    )
    return text


def _over(size: int, payload: int) -> str:
    return f"+{percent(size / payload - 1)} over the values" if payload else "there were no values"


def _time(run: Recorded, timing: Timing | None) -> str:
    summary = run.summary
    text = f"It took {seconds(summary.wall_s)}. "
    latency = summary.round_latency_ms
    if timing is None or latency.p50 is None or latency.p95 is None or latency.p99 is None:
        return text.strip()
    text += (
        f"Half of the rounds were over within {ms(latency.p50)}, 95 of 100 within {ms(latency.p95)}, "
        f"99 of 100 within {ms(latency.p99)}. "
    )
    total = timing.total_s
    whole = sum(total[part] for part in PARTS[1:])
    if whole > 0:
        parts = sorted(PARTS[1:], key=lambda part: -total[part])
        names = {
            "wait": "waiting for neighbours",
            "send": "sending",
            "decode": "decoding",
            "encode": "encoding",
        }
        split = listed([f"{percent(total[part] / whole)} {names[part]}" for part in parts])
        text += (
            f"A round's latency was {split}; adapting, before the rounds, took another "
            f"{percent(total['adapt'] / whole)} of that time. "
        )
    return text + _waits(timing)


def _waits(timing: Timing) -> str:
    """Who was waited for; where all are waited for alike there is nobody to name."""
    waited = sum(one.seconds for one in timing.waited_for.values())
    if not waited or len(timing.waited_for) < 2:
        return ""
    # With all alike, each peer waits for each of its neighbours equally long: a hub is waited for most then, too.
    excess = {
        name: one.seconds / timing.fair_s[name]
        for name, one in timing.waited_for.items()
        if timing.fair_s.get(name, 0.0) > 0
    }
    name = max(excess, key=excess.__getitem__, default=None)
    if name is None or excess[name] < NAMED_FROM:
        return "No peer was waited for much more than its place in the network explains."
    most = timing.waited_for[name]
    return (
        f"{name} was waited for longest: in {plural(most.rounds, 'round')} of its neighbours it came last, "
        f"{percent(most.seconds / waited)} of all waiting, {excess[name]:.1f} times what its place in the network "
        "explains."
    )
