"""What one peer knows of its runs: records, the facts heard so far, and who is done."""

from collections.abc import Iterable, Sequence

from peer.protocol.messages import Closed, Done, Fact, Message, Tomb
from peer.protocol.records import RunRecord, RunState


class RunBook:
    """Every run one peer knows.

    Parameters
    ----------
    name : str
        The peer.
    names : sequence of str
        All peers of the network, sorted.
    records : iterable of RunRecord
        What the state folder holds.
    """

    def __init__(self, name: str, names: Sequence[str], records: Iterable[RunRecord]) -> None:
        self._names = tuple(names)
        self.records = {record.run: record for record in records}
        self.tables: dict[str, dict[str, bytes]] = {}
        self.done_peers: dict[str, set[str]] = {}
        for record in self.records.values():
            if record.reason is None and record.state is not RunState.CLOSED:
                self.tables[record.run] = dict(record.table) or {name: record.fact}
                self.done_peers[record.run] = {name} if record.state is RunState.DONE else set()

    def open(self, record: RunRecord, name: str) -> None:
        """Note a run accepted just now, with the own fact."""
        self.records[record.run] = record
        self.tables[record.run] = {name: record.fact}
        self.done_peers[record.run] = set()

    def end(self, run: str) -> None:
        """Forget what is needed only while a run is on; its record stays."""
        self.tables.pop(run, None)
        self.done_peers.pop(run, None)

    def on(self, run: str) -> RunRecord | None:
        """The record of a run that is neither over nor unknown."""
        record = self.records.get(run)
        return record if record is not None and run in self.tables else None

    def live(self) -> list[RunRecord]:
        """Runs accepted or running; a peer takes at most one."""
        return [record for record in self.records.values() if record.live]

    def busy(self) -> str | None:
        """The run for which a new submit is answered "busy"."""
        return next((record.run for record in self.records.values() if record.busy), None)

    def missing_facts(self, run: str) -> tuple[str, ...]:
        """Peers whose fact has not been heard, in the order of names."""
        return tuple(name for name in self._names if name not in self.tables[run])

    def missing_done(self, run: str) -> tuple[str, ...]:
        """Peers not known to be done, in the order of names."""
        return tuple(name for name in self._names if name not in self.done_peers[run])

    def said(self, run: str) -> list[Message]:
        """All that a neighbour is told of a run when its link comes up."""
        record = self.records[run]
        if record.state is RunState.CLOSED:
            return [Closed(run)]
        if record.reason is not None:
            return [Tomb(run, record.reason)]
        table = self.tables[run]
        said: list[Message] = [record.offer]
        said += [Fact(run, name, table[name]) for name in self._names if name in table]
        said += [Done(run, name) for name in self._names if name in self.done_peers[run]]
        return said
