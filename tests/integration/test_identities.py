"""Nine who are not who they should be: nothing reaches the machine, our log says why, and they learn nothing."""

import asyncio
import itertools
import logging
import re
import shutil
import ssl
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from peer.config import canonical_spec
from peer.identity.certificates import issue
from peer.identity.issuing import issue_one, write_certificates
from peer.identity.keys import key_pem, new_key, read_key
from peer.identity.ring import certificate_file, key_file
from peer.protocol.messages import PROTOCOL_VERSION, Hello, Offer
from peer.protocol.records import RunState
from peer.runtime.credentials import Credentials
from peer.runtime.settings import control_channel, data_channel
from peer.runtime.signing import signed
from peer.wire.control import CANCEL, COLLECT, METHODS, STATUS, SUBMIT, WATCH, encode
from peer.wire.envelope import STREAM_PATH, encode_message
from peer.wire.requests import CancelRequest, CollectRequest, StatusRequest, SubmitRequest, WatchRequest
from tests.support import network
from tests.support.problems import dif_spec, local_data, make_tasks, network_of
from tests.unit.runtime.nodes import lab, until
from topology.address import parse_address
from topology.network import write_network

CHAIN = network_of([("p0", "p1"), ("p1", "p2")])
TASKS = make_tasks(CHAIN.names, (1, 1, 1), 6, dim=4, rank=1, seed=1)

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)

REQUESTS = {
    SUBMIT.name: SubmitRequest("", "r", b"{}"),
    STATUS.name: StatusRequest(""),
    WATCH.name: WatchRequest("", "r", 100),
    CANCEL.name: CancelRequest("", "r", "no"),
    COLLECT.name: CollectRequest("", "r"),
}


@asynccontextmanager
async def guarded(tmp_path, caplog):
    """p1 of a network with keys, alone; gives it, its network file, and the events that its machine is given."""
    caplog.set_level(logging.INFO, logger="difpeer")
    async with lab(CHAIN, local_data(TASKS), tmp_path, absent=("p0", "p2"), secure=True) as running:
        yield running


def spied(node):
    """What the machine of a peer is given from now on."""
    events = []
    handle = node.machine.handle

    def spy(event):
        events.append(event)
        return handle(event)

    node.machine.handle = spy
    return events


def pair(running, name):
    """Key and certificate as the files have them."""
    file = running.network_file
    return key_file(file, name).read_bytes(), certificate_file(file, name).read_bytes()


def made(name, start=NOW, lifetime=YEAR, key=None):
    key = key or new_key()
    return key_pem(key), issue(name, key, start, lifetime).pem


def channel(running, identity, options):
    address = str(running.network.peers["p1"].address)
    if identity == "plaintext":
        return grpc.aio.insecure_channel(address, options=options)
    key, certificate = identity or (None, None)
    credentials = grpc.ssl_channel_credentials(pair(running, "p1")[1], key, certificate)
    named = [*options, ("grpc.ssl_target_name_override", "p1.difpeer.internal")]
    return grpc.aio.secure_channel(address, credentials, options=named)


async def streams(running, identity, name="p0"):
    """Open the stream of an edge, say Hello and wait; gives how it ended, in the caller's eyes."""
    async with channel(running, identity, data_channel()) as opened:
        call = opened.stream_stream(STREAM_PATH)()
        try:
            await call.write(encode_message(Hello(PROTOCOL_VERSION, name, 1, 1, "x")))
            async with asyncio.timeout(20):
                assert await call.read() is grpc.aio.EOF
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass
        return await call.code(), await call.details()


async def asks(running, identity, method, request):
    async with channel(running, identity, control_channel()) as opened:
        make = opened.unary_stream if method.streams else opened.unary_unary
        call = make(method.path)(encode(request), timeout=20)
        try:
            if method.streams:
                assert await call.read() is grpc.aio.EOF
            else:
                await call
        except grpc.aio.AioRpcError:
            pass
        return await call.code(), await call.details()


def expired(running):
    """Of the right key: what its neighbours have is what it shows."""
    key = read_key(key_file(running.network_file, "p0"))
    return shown(running, made("p0", NOW - 2 * YEAR, YEAR, key))


def not_yet_valid(running):
    key = read_key(key_file(running.network_file, "p0"))
    return shown(running, made("p0", NOW + YEAR, YEAR, key))


def shown(running, identity):
    """Give p1 this certificate of p0."""
    certificate_file(running.network_file, "p0").write_bytes(identity[1])
    assert running.credentials["p1"].refresh()
    return identity


def changed_pin(running):
    """p0's entry in the network file is another key now; its old certificate is still there."""
    changed = running.network.with_keys({"p0": ("sha256:" + "0" * 64,)}, {})
    write_network(changed, running.network_file)
    assert running.credentials["p1"].refresh()
    return pair(running, "p0")


STRANGERS = {
    "no certificate": (lambda _: None, "has shown no certificate"),
    "foreign": (lambda _: made("mallory"), "is none that is here for a pinned key"),
    "expired": (expired, "has expired"),
    "not yet valid": (not_yet_valid, "begins later"),
    "right name with another key": (lambda _: made("p0"), "is none that is here for a pinned key"),
    "changed pin": (changed_pin, "is none that is here for a pinned key"),
    "plaintext": (lambda _: "plaintext", "does not speak TLS"),
}
"""Who does not get past the handshake, and what our log says of them."""


@pytest.mark.parametrize("kind", STRANGERS)
async def test_who_is_a_stranger_to_the_handshake(tmp_path, caplog, kind):
    make, _ = STRANGERS[kind]
    async with guarded(tmp_path, caplog) as running:
        events = spied(running.peers["p1"].node)
        identity = make(running)
        found = [await streams(running, identity)]
        found += [await asks(running, identity, method, REQUESTS[method.name]) for method in METHODS]
        assert {code for code, _ in found} == {grpc.StatusCode.UNAVAILABLE}
        for _, text in found:
            for word in ("p1", "pin", "neighbour", "operator", "expired"):
                assert word not in text
        assert events == []


@pytest.mark.parametrize(("name", "taken"), [("p0", True), ("mallory", False)])
async def test_tls_1_2_is_taken_of_whoever_has_a_pinned_key(tmp_path, caplog, name, taken):
    """gRPC for Python has no setting for the least version; when this fails, SECURITY.md can promise more."""
    async with guarded(tmp_path, caplog) as running:
        key, certificate = pair(running, name) if taken else made(name)
        both = tmp_path / "both.pem"
        both.write_bytes(key + certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(both)
        host, port = parse_address(running.network.peers["p1"].address)
        try:
            reading, writing = await asyncio.open_connection(host, port, ssl=context)
            first = await reading.read(9)
            writing.close()
        except OSError:
            first = b""
        assert bool(first) is taken


async def test_the_right_key_that_claims_another_name(tmp_path, caplog):
    async with guarded(tmp_path, caplog) as running:
        events = spied(running.peers["p1"].node)
        code, text = await streams(running, pair(running, "p0"), name="p2")
        assert (code, text) == (grpc.StatusCode.OK, "")  # the end of a stream, and no reason
        await until(lambda: "the key of p0 claims to be p2" in caplog.text)
        assert [type(event).__name__ for event in events] == ["ConnectionLost"]


async def test_who_is_known_and_no_operator(tmp_path, caplog):
    """A neighbour's key, of a peer or its own: neither submits, cancels, watches or collects."""
    async with guarded(tmp_path, caplog) as running:
        events = spied(running.peers["p1"].node)
        for name, methods in (("p0", METHODS), ("p1", (SUBMIT, WATCH, CANCEL, COLLECT))):
            for method in methods:
                for request in (
                    REQUESTS[method.name],
                    replace(REQUESTS[method.name], peer="p1", operator="operator", signature=b"0"),
                ):
                    found = await asks(running, pair(running, name), method, request)
                    assert found == (grpc.StatusCode.PERMISSION_DENIED, ""), (name, method.name)
        assert (
            "p0 passes on a Submit that no operator has signed" in caplog.text
            or "p0 is no operator" in caplog.text
        )
        assert events == []


async def test_a_neighbour_cannot_start_a_run(tmp_path, caplog):
    """It may pass one on: with the signature of who has submitted it."""
    async with guarded(tmp_path, caplog) as running:
        spec = canonical_spec(dif_spec(rank=1, iterations=2))
        operator = Credentials(running.network_file).known.identity
        submitted = signed(SUBMIT, SubmitRequest("", "theirs", spec), operator)
        offers = {
            "nobodys": Offer("nobodys", spec),
            "made-up": Offer("made-up", spec, "operator", submitted.signature),
            "theirs": Offer("theirs", spec, "operator", submitted.signature),
        }
        async with channel(running, pair(running, "p0"), data_channel()) as opened:
            call = opened.stream_stream(STREAM_PATH)()
            await call.write(encode_message(Hello(PROTOCOL_VERSION, "p0", 1, 1, "x")))
            for offer in offers.values():
                await call.write(encode_message(offer))
            records = running.peers["p1"].node.machine.records
            await until(lambda: records.keys() == offers.keys())
        assert {run: record.state for run, record in records.items()} == {
            "nobodys": RunState.TOMB,
            "made-up": RunState.TOMB,
            "theirs": RunState.ACCEPTED,
        }
        assert "no operator in its network file has signed this run" in records["made-up"].reason.text


async def test_an_operator_who_is_not_declared_any_more(tmp_path, caplog):
    async with guarded(tmp_path, caplog) as running:
        events = spied(running.peers["p1"].node)
        identity = pair(running, "operator")
        code, _ = await asks(running, identity, STATUS, REQUESTS["Status"])
        assert code is grpc.StatusCode.OK
        assert (await streams(running, identity, name="operator"))[0] is grpc.StatusCode.PERMISSION_DENIED
        issue_one(running.network_file, "bob")
        shutil.copy(
            certificate_file(running.network_file, "bob"), certificate_file(running.network_file, "operator")
        )
        content = running.network.model_dump(mode="json")
        content["operators"] = {}
        content["edges"] = [{"first": e["first"], "second": e["second"]} for e in content["edges"]]
        write_network(type(running.network).model_validate(content), running.network_file)
        assert running.credentials["p1"].refresh()
        for method in METHODS:
            code, text = await asks(running, identity, method, REQUESTS[method.name])
            assert (code, "operator" in text) == (grpc.StatusCode.UNAVAILABLE, False)
        assert events == []


async def test_two_certificates_of_one_name_are_told_apart(tmp_path, caplog):
    """As while keys are rotated: whoever has either key is that peer."""
    async with guarded(tmp_path, caplog) as running:
        key = new_key()
        second = issue("p0", key, NOW, YEAR)
        file = certificate_file(running.network_file, "p0")
        first = running.credentials["p1"].known.ring.certificates["p0"][0]
        attempts = itertools.count(1)
        for order in ([first, second], [second, first]):
            write_certificates(file, order)
            both = running.network.with_keys({"p0": tuple(one.fingerprint for one in order)}, {})
            write_network(both, running.network_file)
            assert running.credentials["p1"].refresh()
            for identity in (pair(running, "p0")[0], first.pem), (key_pem(key), second.pem):
                async with channel(running, identity, data_channel()) as opened:
                    call = opened.stream_stream(STREAM_PATH)()
                    await call.write(encode_message(Hello(PROTOCOL_VERSION, "p0", 1, next(attempts), "x")))
                    async with asyncio.timeout(20):
                        assert await call.read() is not grpc.aio.EOF, caplog.text


class Served(network.Lab):
    """p1 alone, as a process; it has certificates of p0 of other times, too."""

    async def prepare(self):
        await super().prepare()
        key = read_key(key_file(self.network_file, "p0"))
        times = (NOW, NOW - 2 * YEAR, NOW + YEAR)
        self.certificates = [issue("p0", key, start, YEAR) for start in times]
        write_certificates(certificate_file(self.network_file, "p0"), self.certificates)

    def shows(self, number):
        return key_file(self.network_file, "p0").read_bytes(), self.certificates[number].pem


@pytest.mark.network
async def test_why_is_in_the_log_of_a_serving_peer(tmp_path):
    async with Served(CHAIN, local_data(TASKS), tmp_path, absent=("p0", "p2")) as served:
        strangers = {
            "no certificate": None,
            "foreign": made("mallory"),
            "expired": served.shows(1),
            "not yet valid": served.shows(2),
            "plaintext": "plaintext",
        }
        for kind, identity in strangers.items():
            assert (await streams(served, identity))[0] is grpc.StatusCode.UNAVAILABLE
            why = f"a TLS handshake failed: .*{STRANGERS[kind][1]}"
            await network.eventually(
                lambda text=why: re.search(text, served.log("p1")), f"the log on: {kind}"
            )
        assert "ssl_transport_security" not in served.log("p1")
        await streams(served, served.shows(0), name="p2")
        await network.eventually(
            lambda: "the key of p0 claims to be p2" in served.log("p1"), "the log on a claim"
        )
        found = await asks(served, served.shows(0), SUBMIT, REQUESTS["Submit"])
        assert found == (grpc.StatusCode.PERMISSION_DENIED, "")
        await network.eventually(lambda: "asks for Submit" in served.log("p1"), "the log on a request")
