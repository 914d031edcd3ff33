from peer.protocol.edge import Edge
from peer.protocol.effects import Send
from peer.protocol.messages import Confirm, Value
from peer.protocol.records import Sent
from tests.unit.protocol.parts import payload


def sent(seq: int, number: int) -> Sent:
    return Sent(seq, number, "mean", payload("x"), bytes([seq] * 16))


def arrived(seq: int, number: int) -> Value:
    return Value("run-1", seq, number, "mean", payload("y"), bytes([seq] * 16), 0)


def edge_with(numbers: list[int]) -> Edge:
    """An edge that has sent and received a message in each of these rounds."""
    edge = Edge("p1")
    for seq, number in enumerate(numbers):
        edge.sent_seq += 1
        edge.keep(sent(seq, number))
        edge.accept(arrived(seq, number))
    return edge


def test_durable_rounds_of_the_neighbour_free_outbox_and_digests():
    edge = edge_with([0, 2, 5])
    edge.raise_durable(2)
    assert list(edge.outbox) == list(edge.digests) == [1, 2]
    edge.raise_durable(1)  # an older word of it changes nothing
    assert edge.neighbour_durable == 2
    edge.raise_durable(9)
    assert not edge.outbox
    assert not edge.digests


def test_what_the_neighbour_has_made_durable_is_not_kept():
    edge = Edge("p1")
    edge.raise_durable(3)
    edge.keep(sent(0, 2))
    edge.keep(sent(1, 3))
    edge.accept(arrived(0, 2))
    edge.accept(arrived(1, 3))
    assert list(edge.outbox) == list(edge.digests) == [1]
    assert edge.received_seq == 2


def test_messages_are_used_in_order():
    edge = edge_with([0, 1])
    assert [edge.use().seq, edge.use().seq] == [0, 1]
    assert (edge.used_seq, edge.received_seq) == (2, 2)


def test_a_mark_has_the_increment_of_its_interval():
    edge = edge_with([0, 1])
    edge.use()
    first = edge.mark()
    assert (first.sent_seq, first.used_seq, first.neighbour_durable) == (2, 1, 0)
    assert [item.seq for item in first.sent] == [0, 1]
    assert first.used == ((0, 0, bytes(16)),)
    edge.use()
    edge.raise_durable(2)
    second = edge.mark()
    assert (second.sent, second.used) == ((), ())  # nothing sent since, and what was used is durable there


def test_restore_stands_where_the_newest_mark_stood():
    edge = edge_with([0, 1, 2])
    edge.use()
    marks = [edge.mark()]
    edge.use()
    edge.raise_durable(1)
    marks.append(edge.mark())
    again = Edge("p1")
    again.restore(marks)
    assert (again.sent_seq, again.transmitted) == (3, 3)
    assert (again.used_seq, again.received_seq) == (2, 2)  # the third message is asked for again
    assert list(again.outbox) == [1, 2]
    assert list(again.digests) == [1]
    assert not again.inbox


def test_a_digest_is_enough_below_the_cursor():
    edge = Edge("p1", connection=7, wanted=1)
    below, wanted = (edge.send(sent(seq, seq + 4).value("run-1", 3)) for seq in (0, 1))
    assert below == Send(7, "p1", Confirm("run-1", 0, 4, bytes(16), 3))
    assert wanted == Send(7, "p1", Value("run-1", 1, 5, "mean", payload("x"), bytes([1] * 16), 3))


def test_what_goes_out_again_is_told():
    edge = Edge("p1", connection=7)
    values = [sent(seq, seq).value("run-1", 0) for seq in (0, 1, 0, 1, 2)]
    assert [edge.send(value).resent for value in values] == [False, False, True, True, False]
