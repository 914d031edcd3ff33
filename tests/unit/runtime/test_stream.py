import asyncio
from time import monotonic

import grpc
import pytest

from peer.runtime import stream as module
from tests.unit.runtime.streams import dialled, serving


def ignore(stream, data):
    del stream, data


async def test_messages_go_both_ways_in_order():
    async with (
        serving(lambda stream, data: stream.send(b"re " + data)) as ends,
        dialled(ends.port) as (stream, _),
    ):
        got = []
        all_here = asyncio.Event()

        def take(_, data):
            got.append(data)
            if len(got) == 200:
                all_here.set()

        running = asyncio.create_task(stream.run(take))
        for number in range(200):
            stream.send(b"%d" % number)
        await all_here.wait()
        assert got == [b"re %d" % number for number in range(200)]
        stream.close("done")
        await running
        assert stream.reason == "done"


async def test_what_was_queued_is_sent_before_the_end():
    got = []
    async with serving(lambda _, data: got.append(data)) as ends, dialled(ends.port) as (stream, _):
        for number in range(100):
            stream.send(b"%d" % number)
        stream.close("enough")
        stream.send(b"too late")
        await stream.run(ignore)
        ended = await ends.ended.get()
        assert got == [b"%d" % number for number in range(100)]
        assert "Goodbye" in ended.reason


async def test_an_acceptor_ends_a_stream_after_its_last_words():
    def refuse(stream, data):
        stream.send(b"no: " + data)
        stream.close("refused")

    got = []
    async with serving(refuse) as ends, dialled(ends.port) as (stream, _):
        stream.send(b"hello")
        await stream.run(lambda _, data: got.append(data))
        assert got == [b"no: hello"]
        # The other side learns that it is over, and nothing else.
        assert stream.reason == "the stream ended without Goodbye"


async def test_nothing_is_heard_from_a_stream_that_we_have_ended():
    got = []

    def take(stream, data):
        got.append(data)
        stream.close("one is enough")

    async with serving(take) as ends, dialled(ends.port) as (stream, _):
        for number in range(50):
            stream.send(b"%d" % number)
        await stream.run(ignore)
        assert got == [b"0"]


async def test_a_half_open_stream_is_given_up_in_bounded_time(monkeypatch):
    """The other side neither reads nor ends: our end may not wait for it for ever."""
    monkeypatch.setattr(module, "CLOSE_GRACE_S", 0.2)
    async with serving(ignore) as ends:
        ends.deaf = asyncio.Event()
        async with dialled(ends.port) as (stream, _):
            began = monotonic()
            # More than HTTP/2's windows take: the writer stands still.
            for _ in range(64):
                stream.send(bytes(1 << 20))
            stream.close("given up")
            await stream.run(ignore)
            assert stream.over
            assert monotonic() - began < 5
        ends.deaf.set()


async def test_a_lost_neighbour_ends_the_stream_with_grpcs_reason():
    async with serving(ignore) as ends, dialled(ends.port) as (stream, call):
        running = asyncio.create_task(stream.run(ignore))
        accepted = await ends.accepted.get()
        call.cancel()
        await running
        assert stream.over
        assert await ends.ended.get() is accepted
        assert accepted.over
        assert accepted.reason == "the stream ended without Goodbye"


@pytest.mark.parametrize("dials", [True, False])
async def test_what_the_other_side_said_before_it_ended_is_read_though_writing_fails(dials):
    failed = asyncio.Event()
    said = [b"goodbye", grpc.aio.EOF]

    async def write(data):
        failed.set()
        raise asyncio.InvalidStateError("RPC already finished.")

    async def read():
        await failed.wait()
        await asyncio.sleep(0)
        return said.pop(0)

    async def half_close():
        raise AssertionError("nothing more can be said")

    stream = module.Stream(1, read, write, half_close=half_close if dials else None)
    got = []
    stream.send(b"x")
    await stream.run(lambda _, data: got.append(data))
    assert got == [b"goodbye"]
    assert stream.over


async def test_a_stream_that_cannot_be_written_ends_also_where_reading_does_not(monkeypatch):
    monkeypatch.setattr(module, "CLOSE_GRACE_S", 0.01)

    async def write(data):
        raise asyncio.InvalidStateError("RPC already finished.")

    stream = module.Stream(1, asyncio.Event().wait, write)
    stream.send(b"x")
    await asyncio.wait_for(stream.run(ignore), 10)
    assert stream.reason == "the stream broke (RPC already finished.)"


async def test_an_error_of_ours_is_not_swallowed():
    def fail(stream, data):
        raise ZeroDivisionError(data)

    async with serving(lambda stream, data: stream.send(data)) as ends, dialled(ends.port) as (stream, _):
        stream.send(b"x")
        with pytest.raises(ZeroDivisionError):
            await stream.run(fail)
        assert stream.over
