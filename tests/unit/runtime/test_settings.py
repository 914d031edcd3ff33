from peer.runtime.settings import (
    DATA_USER_TIMEOUT_MS,
    MAX_MESSAGE_BYTES,
    control_channel,
    data_channel,
    server_options,
)


def test_a_punctual_client_is_not_sent_away():
    for channel in (dict(data_channel()), dict(control_channel())):
        least = dict(server_options(8))["grpc.http2.min_ping_interval_without_data_ms"]
        # With room for jitter.
        assert least <= 0.75 * channel["grpc.keepalive_time_ms"]


def test_both_sides_set_the_ping_timeout_that_works():
    for options in (data_channel(), control_channel(), server_options(8)):
        assert dict(options)["grpc.http2.ping_timeout_ms"] == 5_000
        assert dict(options)["grpc.keepalive_permit_without_calls"] == 1


def test_message_length_is_bounded_everywhere():
    for options in (data_channel(), control_channel(), server_options(8)):
        assert MAX_MESSAGE_BYTES < dict(options)["grpc.max_receive_message_length"] < 2 * MAX_MESSAGE_BYTES


def test_data_and_control_sockets_can_be_told_apart():
    data = dict(data_channel())
    control = dict(control_channel())
    assert data["grpc.use_local_subchannel_pool"] == control["grpc.use_local_subchannel_pool"] == 1
    assert data["grpc.keepalive_timeout_ms"] == DATA_USER_TIMEOUT_MS
    assert control["grpc.keepalive_timeout_ms"] != DATA_USER_TIMEOUT_MS


def test_connections_without_a_call_are_closed_and_those_with_one_live_on():
    options = dict(server_options(8))
    assert 0 < options["grpc.max_connection_idle_ms"] <= 60_000
    assert "grpc.max_connection_age_ms" not in options


def test_every_peer_may_be_followed_through_one_connection():
    assert dict(server_options(40))["grpc.max_concurrent_streams"] >= 2 * 40
