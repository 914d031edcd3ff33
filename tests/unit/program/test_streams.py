"""Random numbers: the same in every block, different between peers."""

import numpy as np
import pytest

from peer.program import Purpose, Streams


def draw(rng):
    return rng.standard_normal((4, 2))


def test_the_common_start_is_the_documented_formula():
    start = Streams(7, np.arange(3)).common(Purpose.START, draw)
    expected = np.random.default_rng([7, 33]).standard_normal((4, 2))
    assert start.shape == (3, 4, 2)
    for own in start:
        np.testing.assert_array_equal(own, expected)
    with pytest.raises(ValueError, match="read-only"):
        start[0, 0, 0] = 1


def test_a_peer_draws_the_same_alone_and_in_a_block():
    block = Streams(7, np.arange(5))
    for i in range(5):
        alone = Streams(7, np.array([i]))
        np.testing.assert_array_equal(
            alone.own(Purpose.START, draw, 3), block.own(Purpose.START, draw, 3)[i : i + 1]
        )


def test_streams_differ_by_peer_iteration_seed_and_kind():
    draws = [
        value
        for seed in (0, 1)
        for iteration in (0, 1, 2)
        for value in (
            *Streams(seed, np.arange(3)).own(Purpose.START, draw, iteration),
            Streams(seed, np.arange(1)).common(Purpose.START, draw, iteration)[0],
        )
    ]
    assert len({value.tobytes() for value in draws}) == len(draws)
