import pytest

from peer.protocol.errors import (
    DivergedError,
    LocalProtocolError,
    PayloadError,
    ProgramError,
    ProtocolError,
    RemoteProtocolError,
)


def test_protocol_errors_say_whose_fault_it_is():
    with pytest.raises(TypeError, match="LocalProtocolError or RemoteProtocolError"):
        ProtocolError("nobody's")
    for error in (LocalProtocolError("ours"), RemoteProtocolError("theirs")):
        assert isinstance(error, ProtocolError)


def test_program_errors_are_not_protocol_errors():
    for error in (DivergedError("ours"), PayloadError("theirs")):
        assert isinstance(error, ProgramError)
        assert not isinstance(error, ProtocolError)
