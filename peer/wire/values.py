"""Values of rounds as bytes and back: the hot path.

Attributes are set one by one (half of the time of nested constructors) and each bytes field is read once, because
every read copies.
"""

from peer.protocol.messages import Value
from peer.protocol.payload import DIGEST_BYTES, Payload, Tensor
from peer.wire.bounds import MAX_COUNT, check_count, check_digest, check_label, check_run, refuse
from peer.wire.pb import peer_pb2 as pb
from peer.wire.tensors import MAX_AXES, MAX_TENSORS, check_payload, is_usual

__all__ = ["read_value", "write_value"]


def write_value(target: pb.Value, value: Value) -> None:
    """Check a value and fill its protobuf message."""
    _check_value(value)
    target.seq = value.seq
    target.run = value.run
    target.round = value.round
    target.label = value.label
    target.digest = value.digest
    target.durable = value.durable
    for tensor in value.payload:
        entry = target.payload.add()
        entry.dtype = tensor.dtype
        entry.shape.extend(tensor.shape)
        entry.data = tensor.data


def read_value(source: pb.Value) -> Value:
    """Make the value of a protobuf message and check it."""
    tensors = source.payload
    # Before anything is made of them: an array costs two bytes on the wire and hundreds here.
    if len(tensors) > MAX_TENSORS:
        refuse("Value.payload", f"{len(tensors)} arrays", f"at most {MAX_TENSORS}")
    if len(tensors) == 1:
        payload: Payload = (_read_tensor(0, tensors[0]),)
    else:
        payload = tuple([_read_tensor(index, tensor) for index, tensor in enumerate(tensors)])
    value = Value(source.run, source.seq, source.round, source.label, payload, source.digest, source.durable)
    _check_value(value)
    return value


def _read_tensor(index: int, source: pb.Tensor) -> Tensor:
    axes = source.shape
    # Before they are multiplied: the product of a million long axes takes hours.
    if len(axes) > MAX_AXES:
        refuse(f"Value.payload[{index}].shape", f"{len(axes)} axes", f"at most {MAX_AXES}")
    return Tensor(source.dtype, tuple(axes), source.data)


def _check_value(value: Value) -> None:
    """Refuse a value out of its bounds; the usual one passes at a glance."""
    payload = value.payload
    if (
        0 <= value.seq <= MAX_COUNT
        and 0 <= value.round <= MAX_COUNT
        and 0 <= value.durable <= MAX_COUNT
        and len(value.digest) == DIGEST_BYTES
        and len(payload) == 1
        and is_usual(payload[0])
    ):
        check_run("Value.run", value.run)
        check_label("Value.label", value.label)
    else:
        _check_each_field(value)


def _check_each_field(value: Value) -> None:
    check_run("Value.run", value.run)
    check_count("Value.seq", value.seq)
    check_count("Value.round", value.round)
    check_label("Value.label", value.label)
    check_digest("Value.digest", value.digest)
    check_count("Value.durable", value.durable)
    check_payload("Value.payload", value.payload)
