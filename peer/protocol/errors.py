"""Errors of the protocol, each saying whose fault it is."""


class ProtocolError(Exception):
    """Abstract: raise one of its children."""

    def __new__(cls, *args: object) -> "ProtocolError":
        """Refuse the abstract class."""
        if cls is ProtocolError:
            raise TypeError("ProtocolError is abstract: raise LocalProtocolError or RemoteProtocolError")
        return super().__new__(cls, *args)


class LocalProtocolError(ProtocolError):
    """We broke the protocol: a bug of this process."""


class RemoteProtocolError(ProtocolError):
    """The other side broke the protocol; the stream is closed, our own log tells why."""


class ProgramError(Exception):
    """A program cannot go on at this peer; the text names who is at fault and the mend.

    The run ends with a tombstone ``failed`` that carries the text to all peers.
    """


class DivergedError(ProgramError):
    """An own value is not finite: ours, not a neighbour's."""


class PayloadError(ProgramError):
    """A neighbour's value has a wrong shape, dtype, length or is not finite; the text names the neighbour."""
