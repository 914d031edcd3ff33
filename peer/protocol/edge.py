"""One edge of one run: what was sent, received, used, and what must be kept.

Sequence numbers count the edge's *active* rounds, never rounds: with rounds on some edges only, an idle peer
runs ahead in rounds, lawfully.
"""

from collections import deque
from dataclasses import dataclass, field

from peer.protocol.effects import Send
from peer.protocol.messages import Confirm, Value
from peer.protocol.records import EdgeMark, Sent


@dataclass(slots=True)
class Edge:
    """State of one edge.

    Attributes
    ----------
    sent_seq, received_seq, used_seq : int
        Next to send, next to receive, next to combine.
    neighbour_durable : int
        The round of the oldest checkpoint the neighbour may ever load again, as far as it said.
    outbox : dict of int to Sent
        By sequence number, ascending: what the neighbour may still ask for.
    inbox : deque of Value
        Received and not yet combined.
    digests : dict of int to (round, digest)
        Of received messages that the neighbour could send again.
    connection, wanted : int or None
        The connection both sides have attached on, and the neighbour's cursor there: it belongs to the
        connection, not to the edge.
    transmitted : int
        Messages below this number have gone out before: sending them again is counted as resent.
    """

    neighbour: str
    sent_seq: int = 0
    received_seq: int = 0
    used_seq: int = 0
    neighbour_durable: int = 0
    outbox: dict[int, Sent] = field(default_factory=dict)
    inbox: deque[Value] = field(default_factory=deque)
    digests: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    connection: int | None = None
    wanted: int = 0
    transmitted: int = 0
    interval_sent: list[Sent] = field(default_factory=list)
    interval_used: list[tuple[int, int, bytes]] = field(default_factory=list)

    def keep(self, sent: Sent) -> None:
        """Keep what is sent while the neighbour may ask for it: rounds it has made durable are not kept."""
        if sent.round >= self.neighbour_durable:
            self.outbox[sent.seq] = sent
            self.interval_sent.append(sent)

    def raise_durable(self, durable: int) -> None:
        """The neighbour will never ask for rounds below ``durable`` again, nor send them with other bits."""
        if durable <= self.neighbour_durable:
            return
        self.neighbour_durable = durable
        while self.outbox and (oldest := next(iter(self.outbox.values()))).round < durable:
            del self.outbox[oldest.seq]
        while self.digests and (first := next(iter(self.digests.items())))[1][0] < durable:
            del self.digests[first[0]]

    def accept(self, value: Value) -> None:
        """Take the next message into the inbox."""
        self.received_seq += 1
        self.inbox.append(value)
        if value.round >= self.neighbour_durable:
            self.digests[value.seq] = (value.round, value.digest)

    def use(self) -> Value:
        """Take the head of the inbox: its round is complete."""
        value = self.inbox.popleft()
        self.used_seq += 1
        self.interval_used.append((value.seq, value.round, value.digest))
        return value

    def mark(self) -> EdgeMark:
        """The increment of the interval that ends here."""
        durable = self.neighbour_durable
        mark = EdgeMark(
            self.sent_seq,
            self.used_seq,
            durable,
            tuple(sent for sent in self.interval_sent if sent.round >= durable),
            tuple(used for used in self.interval_used if used[1] >= durable),
        )
        self.interval_sent = []
        self.interval_used = []
        return mark

    def restore(self, marks: list[EdgeMark]) -> None:
        """Stand where the newest mark stood; older marks contribute what they sent and used."""
        newest = marks[-1]
        durable = newest.neighbour_durable
        self.sent_seq = self.transmitted = newest.sent_seq
        self.received_seq = self.used_seq = newest.used_seq
        self.neighbour_durable = durable
        self.outbox = {sent.seq: sent for mark in marks for sent in mark.sent if sent.round >= durable}
        self.digests = {
            seq: (number, digest) for mark in marks for seq, number, digest in mark.used if number >= durable
        }

    def send(self, value: Value) -> Send:
        """What goes out for a kept or fresh value: its digest is enough where the neighbour has it already."""
        assert self.connection is not None
        resent = value.seq < self.transmitted
        if not resent:
            self.transmitted = value.seq + 1
        if value.seq < self.wanted:
            confirm = Confirm(value.run, value.seq, value.round, value.digest, value.durable)
            return Send(self.connection, self.neighbour, confirm, resent)
        return Send(self.connection, self.neighbour, value, resent)
