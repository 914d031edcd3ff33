"""A run in sentences: what was learnt, at which cost, and where the time went."""

from collections.abc import Mapping

from peer.measure.anatomy import PARTS
from peer.measure.figures import SUBSPACE_DISTANCE
from peer.measure.settling import unsettled
from peer.report.books import closing
from peer.report.learning import Learning
from peer.report.reading import Recorded
from peer.report.series import RunSeries
from peer.report.theory import theory_sentences
from peer.report.timing import Timing
from peer.report.whose_time import what_bounds_it, which_way_is_slow
from peer.report.wording import amount, listed, ms, percent, plural, power, seconds, spelled

__all__ = ["METRICS", "headline", "story"]

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
    if summary.moved is not None:
        return f"{peers} learnt a subspace that still moves by {power(summary.moved['last'])}"
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
    killed = series.completeness is not None and bool(series.completeness.starts)
    told = [_learnt(run, series.learning), _bytes(run, killed=killed), _time(run, series.timing)]
    remark = unsettled(run.summary.moved)
    if remark:
        told.insert(1, remark)
    if series.anatomy is not None:
        told += filter(None, (what_bounds_it(series.anatomy), which_way_is_slow(series.anatomy)))
    matches = run.summary.matches_simulation
    if matches is not None:
        told.append(
            f"The result of every peer{' that is here' if run.summary.missing_peers else ''} equals that of the exact "
            "simulation, bit for bit."
            if matches
            else "The results DIFFER from those of the exact simulation: this must not be, and should be reported."
        )
    if series.balance is not None and series.balance.values:
        told.append(closing(series.balance))
    if series.theory is not None:
        metric = series.theory.metric or ""
        told += theory_sentences(series.theory, METRICS.get(metric, metric))
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


def _bytes(run: Recorded, *, killed: bool) -> str:
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
        # What TCP carried after the last reading is lost with a process that is killed.
        most = " at least" if sizes.uncounted_connections or killed else ""
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
    return text.strip()
