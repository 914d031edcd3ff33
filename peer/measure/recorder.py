"""Adds rows to a ledger's memory: the part of the ledger that runs in every round."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from peer.measure.interfaces import InterfaceSample
from peer.measure.latency import RoundTimes
from peer.measure.tcp_info import SocketSample

__all__ = ["Account", "Direction", "Kind", "Recorder", "Row"]

Direction = Literal["sent", "received"]
Account = Literal["control", "telemetry"]
Kind = Literal["value", "confirm", "control"]
Row = tuple[Any, ...]

_NO_TIMES = (None,) * 8


class Recorder:
    """Adds rows of one peer, run and incarnation to a ledger; nothing here waits or touches the disk.

    Parameters
    ----------
    pending : mapping of str to list
        The ledger's lists of rows, by table.
    peer : str
        Name of the peer.
    run : str
        The run; empty for what belongs to none.
    incarnation : int
        Restart count of the peer.
    """

    __slots__ = (
        "_accounts",
        "_events",
        "_incarnation",
        "_interfaces",
        "_iterations",
        "_messages",
        "_peer",
        "_rounds",
        "_run",
        "_sockets",
    )

    def __init__(self, pending: Mapping[str, list[Row]], peer: str, run: str, incarnation: int) -> None:
        self._peer = peer
        self._run = run
        self._incarnation = incarnation
        self._rounds = pending["rounds"].append
        self._messages = pending["messages"].append
        self._sockets = pending["sockets"].append
        self._interfaces = pending["interfaces"].append
        self._accounts = pending["accounts"].append
        self._iterations = pending["iterations"].append
        self._events = pending["events"].append

    def round(
        self,
        number: int,
        label: str,
        iteration: int | None,
        started_ns: int | None,
        times: RoundTimes | None,
        disagreement: float | None = None,
    ) -> None:
        """Add a round that is over.

        Parameters
        ----------
        number : int
            The round, the same at all peers.
        label : str
            What it was for, as the program says.
        iteration : int or None
            The iteration it belongs to; None before the first.
        started_ns : int or None
            When it was asked for, monotonic; None where time does not exist (a simulation).
        times : RoundTimes or None
            Where its time went.
        disagreement : float, optional
            Largest Frobenius difference of a neighbour's value of this round to the own one; of the first and the
            last round of an agreement.
        """
        self._rounds(
            (
                self._peer,
                self._run,
                self._incarnation,
                number,
                label,
                iteration,
                started_ns,
                *(times or _NO_TIMES),
                disagreement,
            )
        )

    def message(
        self,
        direction: Direction,
        neighbour: str,
        payload_bytes: int,
        message_bytes: int | None,
        at_ns: int | None,
        *,
        kind: Kind = "value",
        round_number: int | None = None,
        seq: int | None = None,
        resent: bool = False,
    ) -> None:
        """Add a message.

        Parameters
        ----------
        direction : {"sent", "received"}
            As this peer sees it.
        neighbour : str
            The other end.
        payload_bytes : int
            The value as the program encoded it; 0 where the message bears none.
        message_bytes : int or None
            The envelope as handed to gRPC; None in a simulation.
        at_ns : int or None
            When it was handed to gRPC or came from it, monotonic; None in a simulation.
        kind : {"value", "confirm", "control"}, optional
            A value, its digest only, or anything else.
        round_number, seq : int, optional
            Where a value belongs: its round, and its number on this edge and direction. Both are needed for
            values and confirmations.
        resent : bool, optional
            Whether the same value went out on an earlier connection.
        """
        self._messages(
            (
                self._peer,
                self._run,
                self._incarnation,
                round_number,
                neighbour,
                direction,
                seq,
                payload_bytes,
                message_bytes,
                at_ns,
                1 if resent else 0,
                kind,
            )
        )

    def socket(
        self, neighbour: str, connection: int, round_number: int | None, at_ns: int, sample: SocketSample
    ) -> None:
        """Add the counters of a data connection.

        The first row of a connection in a run is what the run's bytes are counted from: sample open connections
        when the run starts, and give `opened` for one that is opened during the run.

        Parameters
        ----------
        neighbour : str
            The other end.
        connection : int
            The runtime's number of the connection, never used twice in an incarnation.
        round_number : int or None
            The last round that is over.
        at_ns : int
            When, monotonic.
        sample : SocketSample
            The counters since the connection was opened.
        """
        self._sockets(
            (
                self._peer,
                self._run,
                self._incarnation,
                neighbour,
                connection,
                round_number,
                at_ns,
                sample.bytes_sent,
                sample.bytes_received,
                sample.bytes_retrans,
                sample.segs_out,
                sample.segs_in,
                sample.rtt_us,
                sample.min_rtt_us,
                sample.header_bytes,
            )
        )

    def interface(self, name: str, round_number: int | None, at_ns: int, sample: InterfaceSample) -> None:
        """Add the counters of a network interface of the machine, or of the container.

        Parameters
        ----------
        name : str
            Such as ``eth0``.
        round_number : int or None
            The last round that is over.
        at_ns : int
            When, monotonic.
        sample : InterfaceSample
            Its counters since it was made.
        """
        self._interfaces((self._peer, self._run, self._incarnation, name, round_number, at_ns, *sample))

    def account(self, account: Account, at_ns: int, calls: int, bytes_sent: int, bytes_received: int) -> None:
        """Add what a kind of requests has cost since the process started.

        Parameters
        ----------
        account : {"control", "telemetry"}
            Requests that change or fetch a run, or those that only look at it.
        at_ns : int
            When, monotonic.
        calls : int
            Requests so far.
        bytes_sent, bytes_received : int
            Of their messages, as handed to gRPC and as they came from it.
        """
        row = (self._peer, self._run, self._incarnation, account, at_ns, calls, bytes_sent, bytes_received)
        self._accounts(row)

    def iteration(self, number: int, at_ns: int | None, metrics: Mapping[str, float]) -> None:
        """Add the numbers of an iteration, one row for each; one without a name where there are none.

        Parameters
        ----------
        number : int
            The iteration; 0 is the start.
        at_ns : int or None
            When it was over, monotonic; None in a simulation.
        metrics : mapping of str to float
            By name; ``subspace_distance`` is what the summary looks for. NaN is stored as NULL.
        """
        # That an iteration is over is worth a row by itself: not every algorithm tells numbers.
        for name, value in metrics.items() or [("", None)]:
            self._iterations((self._peer, self._run, self._incarnation, number, at_ns, name, value))

    def event(self, at_ns: int, at_utc: datetime, kind: str, text: str) -> None:
        """Add something that happened, with both clocks.

        Parameters
        ----------
        at_ns : int
            When, monotonic.
        at_utc : datetime
            The same moment in UTC, with its time zone.
        kind : str
            A word such as ``link-down``.
        text : str
            A sentence for people.
        """
        stamp = at_utc.isoformat(timespec="microseconds")
        self._events((self._peer, self._run, self._incarnation, at_ns, stamp, kind, text))
