"""What is fuzzed: one function a decoder, which takes any bytes and lets only an error of its own out.

A target returns where the decoder gave something or refused in its own words, and raises for everything else. What a
decoder gives is used: it has to survive being encoded again and to mean the same.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from peer.config import canonical_spec
from peer.identity.certificates import parse_certificates
from peer.protocol.errors import RemoteProtocolError
from peer.protocol.facts import PeerFact, profiles_differ, verdict
from peer.protocol.messages import Message
from peer.registry import parse_spec, spec_from_canonical, spec_head
from peer.state.checkpoints import decode_checkpoint, encode_checkpoint
from peer.state.container import Damaged, seal
from peer.state.recording import decode_record, encode_record
from peer.wire.control import METHODS, decode, encode
from peer.wire.envelope import decode_message, encode_message
from peer.wire.reach import decode_piece, encode_piece
from tests.fuzz.neighbour import hear
from topology.errors import InputError
from topology.network import Network, read_network
from topology.yamlfile import load_yaml

PEER, RUN, INDEX = "p0", "r1", 1
KINDS = [kind for method in METHODS for kind in (method.request, method.reply)]
SPEC = parse_spec({"algorithm": "dif-altgdmin", "rank": 2, "iterations": 3})
OTHER_FACT = PeerFact(dim=6, num_tasks=2, num_samples=16, min_samples=8, max_samples=8)


def envelope(data: bytes) -> None:
    """One message of a stream."""
    try:
        message = decode_message(data)
    except RemoteProtocolError:
        return
    assert isinstance(message, Message)
    assert decode_message(encode_message(message)) == message


def control(data: bytes) -> None:
    """A request or reply of the control service; the first byte says which is expected."""
    if not data:
        return
    kind = KINDS[data[0] % len(KINDS)]
    try:
        message = decode(kind, data[1:])
    except RemoteProtocolError:
        return
    assert isinstance(message, kind)
    assert repr(decode(kind, encode(message))) == repr(message)  # repr: NaN is not itself


def fact(data: bytes) -> None:
    """What a peer tells of its data, and what follows from it."""
    try:
        found = PeerFact.from_bytes(data)
    except ValueError as error:
        assert str(error).startswith("not a peer fact")  # noqa: PT017 - pydantic's own errors are ValueErrors too
        return
    assert PeerFact.from_bytes(found.to_bytes()) == found
    table = {"p0": OTHER_FACT, "p1": found}
    profiles_differ(table)
    verdict(SPEC, table)


def spec(data: bytes) -> None:
    """A run specification as it travels: JSON."""
    spec_head(data)
    try:
        found = spec_from_canonical(data)
    except InputError:
        return
    assert spec_from_canonical(canonical_spec(found)) == found


def spec_file(data: bytes) -> None:
    """A run specification as people write it: YAML."""
    path = _scratch("spec", data)
    try:
        found = parse_spec(load_yaml(path), path)
    except InputError:
        return
    assert spec_from_canonical(canonical_spec(found)) == found


def network_file(data: bytes) -> None:
    """A network file: YAML."""
    path = _scratch("network", data)
    try:
        found = read_network(path)
    except InputError:
        return
    assert Network.model_validate(found.model_dump()) == found


def checkpoint(data: bytes) -> None:
    """A checkpoint's file, of which nearly every change breaks the digest."""
    try:
        decode_checkpoint(data, PEER, RUN, INDEX)
    except Damaged:
        return


def sealed_checkpoint(data: bytes) -> None:
    """The inside of a checkpoint's file, up to the first zero byte its header, under a digest that is right."""
    try:
        found = decode_checkpoint(_sealed(data), PEER, RUN, INDEX)
    except Damaged:
        return
    again = decode_checkpoint(b"".join(encode_checkpoint(found, PEER)), PEER, RUN, INDEX)
    assert (again.round, again.needs, again.final) == (found.round, found.needs, found.final)
    assert again.edges == found.edges
    assert list(again.state) == list(found.state)


def sealed_record(data: bytes) -> None:
    """The inside of a record's file, likewise."""
    try:
        found = decode_record(_sealed(data), PEER, RUN)
    except Damaged:
        return
    assert decode_record(b"".join(encode_record(found, PEER)), PEER, RUN) == found


def certificate(data: bytes) -> None:
    """Certificates, of a file or as TLS has shown one."""
    try:
        found = parse_certificates(data)
    except InputError:
        return
    assert found
    assert parse_certificates(b"".join(one.pem for one in found)) == found


def piece(data: bytes) -> None:
    """A part of a connection that is passed through a stream."""
    try:
        found = decode_piece(data)
    except RemoteProtocolError:
        return
    assert decode_piece(encode_piece(found)) == found


def canary(data: bytes) -> None:
    """Has a fault: who fuzzes must find it."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    if text.startswith("f") and text[1:2] == "u" and text[2:3] == "z":
        raise KeyError(text)


DECODERS: Mapping[str, Callable[[bytes], None]] = {
    "envelope": envelope,
    "neighbour": hear,
    "control": control,
    "fact": fact,
    "spec": spec,
    "spec-file": spec_file,
    "network-file": network_file,
    "checkpoint": checkpoint,
    "sealed-checkpoint": sealed_checkpoint,
    "sealed-record": sealed_record,
    "certificate": certificate,
    "piece": piece,
}

NAMES = list(DECODERS)


def any_of_them(data: bytes) -> None:
    """The first byte says which decoder gets the rest: a short campaign in one process."""
    if data:
        DECODERS[NAMES[data[0] % len(NAMES)]](data[1:])


_FOLDER = TemporaryDirectory(prefix="difpeer-fuzz-")  # these decoders read files


def _sealed(data: bytes) -> bytes:
    header, _, body = data.partition(b"\0")
    return b"".join(seal(header, [body]))


def _scratch(name: str, data: bytes) -> Path:
    path = Path(_FOLDER.name) / f"{name}.yaml"
    path.write_bytes(data)
    return path
