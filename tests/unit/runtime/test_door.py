"""What the server's door makes of files that change, also between two steps of a handshake's thread."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from peer.identity.certificates import issue
from peer.identity.issuing import issue_one, write_certificates
from peer.identity.keys import key_pem, read_key
from peer.identity.ring import certificate_file, key_file
from peer.identity.rotation import finish, prepare
from peer.runtime import door as module
from peer.runtime.access import Grounds
from peer.runtime.credentials import Credentials
from peer.runtime.door import Asker, Caller, GuardedDoor, Role, Stranger
from peer.runtime.signing import signed
from peer.wire.control import WATCH
from peer.wire.requests import WatchRequest
from tests.unit.identity.rings import keyed
from topology.network import write_network


@pytest.fixture
def given(monkeypatch):
    """What gRPC is given for handshakes: own pair, and the roots."""
    found = []

    def note(pairs, roots):
        found.append((*pairs, roots))
        return object()

    monkeypatch.setattr(module.grpc, "ssl_server_certificate_configuration", note)
    monkeypatch.setattr(module, "sleep", lambda _: None)
    return found


@pytest.fixture
def served(tmp_path):
    file, network = keyed(tmp_path)
    credentials = Credentials(file, name="p0")
    return file, network, credentials, GuardedDoor(credentials, ("p1",))


def test_a_configuration_is_given_once_and_again_when_something_has_changed(served, given):
    file, _, credentials, door = served
    assert door._renewed() is not None
    assert door._renewed() is None
    issue_one(file, "p1")
    assert credentials.refresh()
    assert door._renewed() is not None
    assert door._renewed() is None
    (_, first), (_, second) = given
    assert first != second


def test_key_and_certificate_belong_together_though_the_key_is_rotated_in_between(served, given, monkeypatch):
    """The files are taken over by another thread, at the worst moment."""
    file, network, credentials, door = served
    _, network = prepare(file, network, "p0", timedelta(days=1))
    write_network(network, file)
    assert credentials.refresh()
    new = key_pem(read_key(key_file(file, "p0.next")))
    old = key_pem(read_key(key_file(file, "p0")))
    ring = credentials.known.ring
    old_shown, new_shown = (one.pem for one in ring.certificates["p0"])
    inner = GuardedDoor._decides

    def in_between(self, known):
        decides = inner(self, known)
        finish(file, network, "p0", lambda pinned: write_network(pinned, file))
        assert credentials.refresh()
        return decides

    with monkeypatch.context() as patch:
        patch.setattr(GuardedDoor, "_decides", in_between)
        door._configuration()
        patch.setattr(GuardedDoor, "_decides", inner)
    assert door._renewed() is not None
    assert [pair for pair, _ in given] == [(old, old_shown), (new, new_shown)]


def test_files_that_cannot_be_used_change_nothing(served, caplog):
    file, _, credentials, _ = served
    before = credentials.known
    key = read_key(key_file(file, "p1"))
    write_certificates(certificate_file(file, "p0"), [issue("p1", key, datetime.now(UTC), timedelta(days=1))])
    assert not credentials.refresh()
    known = credentials.known
    assert (known.network, known.ring, known.shown) == (before.network, before.ring, before.shown)
    assert known.identity.key_pem == before.identity.key_pem
    assert known.identity.certificates == before.identity.certificates
    assert "not taken over" in caplog.text
    caplog.clear()
    assert not credentials.refresh()
    assert not caplog.text


class Shown:
    """A handler's context, as far as the door looks: the certificate of a connection."""

    def __init__(self, certificate):
        self._certificate = certificate

    def auth_context(self):
        return {"x509_pem_cert": [self._certificate.pem]}


@pytest.fixture
def passed_on(served):
    """A watch of alice's that p1 passes on to p0: door and credentials of p0, p1's connection, and whose it is."""
    file, _, credentials, door = served
    alice = Credentials(file, name="alice").known.identity
    request = replace(signed(WATCH, WatchRequest("p0", "r", 100), alice), hops=1)
    neighbour = credentials.known.ring.certificates["p1"][0]
    asker = door.may_ask(Caller(Role.NEIGHBOUR, Grounds("p1", (neighbour,))), WATCH, request)
    assert asker == Asker("alice", alice.certificates[0].fingerprint)
    door.may_go_on(Shown(neighbour), asker)
    return file, credentials, door, Shown(neighbour), asker


def test_what_is_passed_on_ends_with_the_operator_s_entry(passed_on):
    file, credentials, door, connection, asker = passed_on
    write_network(credentials.known.network.model_copy(update={"operators": {}}), file)
    assert credentials.refresh()
    with pytest.raises(
        Stranger, match=r"alice has signed with the key sha256:.* not valid for an operator any more"
    ):
        door.may_go_on(connection, asker)


def test_what_is_passed_on_goes_on_while_the_key_is_valid_and_ends_with_it(passed_on):
    """A new certificate of the key changes nothing; another key of the same operator does not stand in for it."""
    file, credentials, door, connection, asker = passed_on
    issue_one(file, "alice")
    assert credentials.refresh()
    door.may_go_on(connection, asker)
    _, network = prepare(file, credentials.known.network, "alice", timedelta(days=1))
    write_network(network, file)
    assert credentials.refresh()
    door.may_go_on(connection, asker)
    finish(file, network, "alice", lambda pinned: write_network(pinned, file))
    assert credentials.refresh()
    assert credentials.known.ring.certificates["alice"]
    with pytest.raises(Stranger, match="not valid for an operator any more"):
        door.may_go_on(connection, asker)


def test_what_is_passed_on_ends_with_the_operator_s_certificate(passed_on):
    file, credentials, door, connection, asker = passed_on
    begun = datetime.now(UTC) - timedelta(days=2)
    past = issue("alice", read_key(key_file(file, "alice")), begun, timedelta(days=1))
    write_certificates(certificate_file(file, "alice"), [past])
    assert credentials.refresh()
    with pytest.raises(Stranger, match="not valid for an operator any more"):
        door.may_go_on(connection, asker)


def test_what_is_passed_on_ends_with_the_neighbour_that_passes_it_on(passed_on):
    file, credentials, door, connection, asker = passed_on
    write_network(credentials.known.network.with_keys({"p1": ("sha256:" + "0" * 64,)}, {}), file)
    assert credentials.refresh()
    with pytest.raises(Stranger, match="not pinned"):
        door.may_go_on(connection, asker)
