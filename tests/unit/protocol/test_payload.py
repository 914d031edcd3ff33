from peer.protocol.payload import DIGEST_BYTES, EMPTY, Tensor, payload_bytes, payload_digest

ONE = Tensor("<f8", (2,), bytes(16))


def test_payload_bytes_count_the_arrays_alone():
    assert payload_bytes(EMPTY) == 0
    assert payload_bytes((ONE,)) == 16
    assert payload_bytes((ONE, Tensor("|u1", (3,), b"abc"))) == 19


def test_digest_is_of_round_label_and_all_that_is_carried():
    digests = {
        payload_digest(0, "mean", EMPTY),
        payload_digest(0, "mean", (ONE,)),
        payload_digest(1, "mean", (ONE,)),
        payload_digest(0, "power", (ONE,)),
        payload_digest(0, "mean", (ONE, ONE)),
        payload_digest(0, "mean", (Tensor("<f4", (2,), bytes(16)),)),
        payload_digest(0, "mean", (Tensor("<f8", (2, 1), bytes(16)),)),
        payload_digest(0, "mean", (Tensor("<f8", (2,), bytes(15) + b"\x01"),)),
        payload_digest(0, "mean", (Tensor("|u1", (1,), b"a"), Tensor("|u1", (1,), b"b"))),
        payload_digest(0, "mean", (Tensor("|u1", (1,), b"b"), Tensor("|u1", (1,), b"a"))),
    }
    assert len(digests) == 10
    assert {len(digest) for digest in digests} == {DIGEST_BYTES}


def test_equal_messages_have_equal_digests():
    assert payload_digest(3, "mean", (ONE,)) == payload_digest(3, "mean", (Tensor("<f8", (2,), bytes(16)),))
