"""What the report of a run cannot tell, and why."""

from peer.report.books import received_from
from peer.report.reading import Recorded
from peer.report.series import RunSeries
from peer.report.whose_time import unknown_times
from peer.report.wording import count, listed, plural

__all__ = ["unknown"]


def unknown(run: Recorded, series: RunSeries) -> list[str]:
    """Say what the report cannot tell, and why.

    Parameters
    ----------
    run : Recorded
        The run.
    series : RunSeries
        Its series.

    Returns
    -------
    list of str
        Sentences; empty where everything is known.
    """
    summary, sizes = run.summary, run.summary.bytes
    told = []
    if summary.missing_peers:
        names = listed([f"{peer} ({why})" for peer, why in summary.missing_peers.items()])
        told.append(f"Everything of {names}. All figures, times and bytes are of the other peers.")
    if summary.missing_ledgers:
        names = listed([f"{peer} ({why})" for peer, why in summary.missing_ledgers.items()])
        told.append(
            f"Bytes and times of {names}; the results are of all. All bytes and times are of the other peers."
        )
    if series.balance is not None:
        told += [
            known for known in (received_from(series.balance, peer) for peer in sorted(run.unheard)) if known
        ]
    if run.ledger is None:
        told.append(
            "Bytes of messages, sockets and edges, and all latencies: a simulation sends nothing and keeps no ledger."
        )
    if run.network is None:
        told.append("A picture of the network: the folder has no network.yaml.")
    if summary.subspace_distance is None:
        told.append(
            "The distance to the true subspace: no truth is known, or not to every peer. That the bases hardly "
            "move any more does not say that the rank is large enough."
        )
    elif None in summary.subspace_distance.trace:
        told.append(
            "The distance in some iterations: a peer's row was lost, and the largest of the others may be too small."
        )
    if run.ledger is not None and sizes.socket is None:
        told.append(
            "Socket bytes and the estimate for the wire: some peer has the kernel's counters of no connection at all, "
            "because it was killed at once or its system has none. A sum without them would be too small."
        )
    if sizes.uncounted_connections:
        told.append(
            f"Socket bytes of {plural(sizes.uncounted_connections, 'connection')} that closed before the kernel's "
            "counters could be read; the sums are without them."
        )
    if series.learning is not None and run.ledger is not None and series.learning.seconds is None:
        told.append(
            "Progress against seconds: a peer's clock is missing or began anew, as after a restart of its machine."
        )
    if series.timing is None and run.ledger is not None:
        told.append("Latencies: no round in the ledger was timed.")
    if series.anatomy is not None:
        told += unknown_times(series.anatomy)
    return told + _lost(run, series)


def _lost(run: Recorded, series: RunSeries) -> list[str]:
    checks = series.completeness
    if checks is None:
        return []
    told = []
    if checks.starts:
        names = listed([f"{peer} ({number} times)" for peer, number in checks.starts.items()])
        told.append(
            f"What was not on disk when a peer ended, such as what TCP had carried since its counters were last read; "
            f"started more than once: {names}. Rounds that it did again are in the latencies more than once."
        )
    lost = {peer: rounds for peer, rounds in checks.missing_rounds.items() if peer not in run.unheard}
    if lost:
        names = listed([f"{peer} ({count(rounds)})" for peer, rounds in lost.items()])
        told.append(
            f"Times of some rounds, whose rows were lost when a peer was killed: {names}. The latencies are without "
            "them."
        )
    if run.summary.bytes.told_by_receiver:
        told.append(
            f"What the sender wrote down of {plural(run.summary.bytes.told_by_receiver, 'message')}: rows lost with a "
            "crash are shown as reported by the other end, and counted so in all sums."
        )
    if series.balance is not None and series.balance.no_end:
        told.append(
            f"Anything of {plural(series.balance.no_end, 'value')} of which neither end has a row. "
            "The sums are without them."
        )
    return told
