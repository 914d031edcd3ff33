"""What a peer tells of itself: runs, links, and whom a run waits for."""

from time import monotonic

from peer.protocol.machine import PeerMachine
from peer.protocol.records import RunRecord, RunState
from peer.protocol.rounds import Waiting
from peer.runtime.links import LinkState
from peer.runtime.notes import RunNotes
from peer.wire.requests import LinkStatus, RunStatus

__all__ = ["link_statuses", "news", "over", "run_status", "standing", "wait_text"]


def over(record: RunRecord) -> bool:
    """Whether nothing more happens to a run at this peer."""
    return record.state in (RunState.CLOSED, RunState.TOMB) or record.reason is not None


def standing(run: RunRecord | RunStatus) -> str:
    """How a run stands at a peer, in a word for people: the cause of its end rather than that it has ended."""
    return str(run.state if run.state is not RunState.TOMB or not run.reason else run.reason.kind)


def news(record: RunRecord) -> str:
    """Say where a run has come to, for the log; with who has ended it and why."""
    reason = record.reason
    why = "" if reason is None else f" ({reason.peer} says: {reason.text})"
    return f"run {record.run} is {standing(record)}{why}"


def run_status(machine: PeerMachine, record: RunRecord, notes: RunNotes) -> RunStatus:
    """Tell where a run stands."""
    driver = notes.driver
    waiting = machine.waiting(record.run)
    return RunStatus(
        run=record.run,
        state=record.state,
        reason=record.reason,
        algorithm=notes.algorithm,
        iteration=0 if driver is None or driver.iteration is None else driver.iteration,
        iterations=notes.iterations,
        round=0 if driver is None else driver.round,
        label="" if driver is None else driver.label,
        waiting_for=() if waiting is None else waiting.peers,
        waiting_s=0.0 if waiting is None else notes.waited_s(waiting),
        waiting_kind="" if waiting is None else waiting.kind,
    )


def link_statuses(links: dict[str, LinkState]) -> tuple[LinkStatus, ...]:
    """Tell of every link, in the order of names."""
    now = monotonic()
    return tuple(
        LinkStatus(name, state.up, now - state.since_s, state.detail) for name, state in sorted(links.items())
    )


def wait_text(waiting: Waiting, waited: float, links: dict[str, LinkState]) -> str:
    """Say whom a run waits for, and what is known of the links to them.

    Such as ``round 412 (descent): waiting 3.2 s for p4 (link down for 3.1 s: Connection refused)``.
    """
    now = monotonic()
    named = []
    for name in waiting.peers:
        state = links.get(name)
        if state is None or state.up:
            named.append(name)
        else:
            named.append(f"{name} (link down for {now - state.since_s:.1f} s: {state.detail})")
    what = {
        "round": f"round {waiting.round} ({waiting.label})",
        "facts": "facts of all peers",
        "disk": f"round {waiting.round}, its checkpoint",
        "done": "the end of the run",
    }.get(waiting.kind, waiting.kind)
    whom = ", ".join(named) if named else "the disk"
    return f"{what}: waiting {waited:.1f} s for {whom}"
