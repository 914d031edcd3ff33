"""The framing model, by hand; what gRPC really sends is in tests/integration/test_framing.py."""

import numpy as np
import pytest

from peer.measure.framing import LONG_BYTES, Carried, records, socket_bytes


@pytest.mark.parametrize(
    ("carried", "expected"),
    [
        (Carried(0, 0, 0, 0, 0.0), 0),
        (Carried(1, 100, 0, 0, 0.0), 100 + 5 + 9),
        (Carried(1, 100, 0, 1, 0.0), 100 + 5 + 9 + 2 * 13),
        (Carried(3, 300_000, 2, 0, 9.0), 300_000 + 3 * 14 + 2 * 9),
        # With TLS, in the records that `records` says.
        (Carried(2, 40_000, 0, 1, 0.0, 4), 40_000 + 28 + 26 + 4 * 22),
        # In 5 s ten pings and as many acknowledgements.
        (Carried(0, 0, 0, 1000, 5.0), 1000 * 26 + 20 * 17),
        # Where little arrives there is little to ping for.
        (Carried(0, 0, 0, 3, 5.0), 3 * 26 + 6 * 17),
    ],
)
def test_what_tcp_sends(carried, expected):
    assert socket_bytes(carried) == expected


def test_a_long_message_no_longer_fits_into_128_kib_with_prefix_and_an_update():
    assert LONG_BYTES + 5 + 13 == 128 * 1024


def test_records_of_tls_hold_a_message_and_what_goes_with_it():
    sizes = np.array([0, 16_244, 16_245, LONG_BYTES, 640_000])
    assert records(sizes).tolist() == [1, 1, 2, 9, 41]
    assert [records(int(size)) for size in sizes] == [1, 1, 2, 9, 41]
