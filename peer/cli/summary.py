"""A run's summary for people."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from peer.cli.output import console, human_bytes, say
from peer.config import RunFailed
from peer.measure.settling import unsettled

__all__ = ["print_summary", "refuse_missing"]

_LEVELS = {
    "payload": "payload (values as encoded)",
    "message": "message (as handed to gRPC)",
    "socket": "socket (all that TCP carried)",
    "wire_estimate": "wire (with headers, an estimate)",
    "resent": "resent (not in message)",
}


def print_summary(summary: Mapping[str, Any], folder: Path | None = None) -> None:
    """Print the summary document of a run, and where its folder is."""
    console.print(
        f"[bold]{summary['algorithm']}[/] on {summary['num_peers']} peers and {summary['num_edges']} edges "
        f"({summary['driver']}), gamma {summary['gamma']:.3f}: {summary['iterations']} iterations, "
        f"{summary['rounds']} rounds in {summary['wall_s']:.1f} s",
        highlight=False,
        soft_wrap=True,
    )
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in _rows(summary):
        table.add_row(name, value)
    console.print(table)
    remark = unsettled(summary["moved"])
    if remark:
        say(remark, console)
    if summary["missing_peers"]:
        say(f"all figures are without {', '.join(summary['missing_peers'])}", console)
    if summary["missing_ledgers"]:
        say(f"bytes and times are without {', '.join(summary['missing_ledgers'])}", console)
    if folder is not None:
        say(f"run folder: {folder}", console)


def refuse_missing(summary: Mapping[str, Any]) -> None:
    """Raise RunFailed where parts are missing: what takes a run folder for whole must hear that it is not."""
    missing, unmeasured = summary["missing_peers"], summary["missing_ledgers"]
    if missing:
        raise RunFailed(
            f"run {summary['run_id']} is collected without {', '.join(missing)} ({'; '.join(missing.values())}); "
            "its folder has the parts of the others; once they can be had, `difpeer run --attach` with another --out "
            "collects all"
        )
    if unmeasured:
        raise RunFailed(
            f"run {summary['run_id']} is collected without the ledger of {', '.join(unmeasured)} "
            f"({'; '.join(unmeasured.values())}); its folder has all results, and the ledgers of the others"
        )


def _rows(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = []
    distance = summary["subspace_distance"]
    if distance is not None:
        first, last = distance["trace"][0], distance["final"]
        rows.append(("subspace distance", f"{_number(first)} → {_number(last)} (worst peer)"))
    moved = summary["moved"]
    if moved is not None:
        rows.append(("moved in the last iteration", f"{_number(moved['last'])} (worst peer)"))
    rows.append(("consensus error", _number(summary["consensus_error"])))
    held_out = summary.get("held_out_rmse")
    if held_out is not None:
        rows.append(("held-out error (RMSE)", _held_out(held_out)))
    counts = summary["bytes"]
    for level, title in _LEVELS.items():
        if counts[level] is not None:
            per_round = f", {human_bytes(counts[level] / max(summary['rounds'], 1))} a round"
            rows.append((title, human_bytes(counts[level]) + (per_round if level != "resent" else "")))
    uncounted = counts["uncounted_connections"]
    if uncounted and counts["socket"] is not None:
        rows.append(
            ("connections not in socket, wire", f"{uncounted} (closed before they could be measured)")
        )
    if counts["told_by_receiver"]:
        rows.append(
            ("told by the other end", f"{counts['told_by_receiver']} messages (rows lost with a crash)")
        )
    latency = summary["round_latency_ms"]
    if latency["p50"] is not None:
        rows.append(
            (
                "round latency",
                f"p50 {latency['p50']:.2f} ms, p95 {latency['p95']:.2f} ms, p99 {latency['p99']:.2f} ms",
            )
        )
    matches = summary["matches_simulation"]
    if matches is not None:
        answer = "yes, bit for bit at every peer" if matches else "NO: digests differ"
        rows.append(("equal to simulate --exact", answer))
    if summary["result_digest"]:
        rows.append(("result digest", f"{_short(summary['result_digest'])} (over all peers' results)"))
    return rows


def _short(digests: Mapping[str, str]) -> str:
    """One short digest of the results of all peers, to compare two runs by eye; the whole ones are in the summary."""
    text = "".join(f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _held_out(rmse: Mapping[str, Any]) -> str:
    peers = rmse["peers"]
    if len(peers) == 1:
        return f"{rmse['all']:.4g} ({next(iter(peers))})"
    best, worst = min(peers, key=peers.__getitem__), max(peers, key=peers.__getitem__)
    return f"{rmse['all']:.4g} ({best} {peers[best]:.4g} … {worst} {peers[worst]:.4g})"


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.2e}"
