import logging
import os
import resource
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from peer.identity.issuing import issue_one
from peer.identity.ring import certificate_file, key_file
from peer.identity.rotation import finish, prepare
from peer.runtime import credentials as module
from peer.runtime.credentials import Credentials, check_loopback
from tests.unit.identity.rings import keyed
from topology.errors import InputError
from topology.network import write_network


@pytest.mark.parametrize("address", ["127.0.0.1:7100", "[::1]:7100", "[0::1]:1"])
def test_loopback_addresses_are_taken(address):
    check_loopback(address, field="--listen")


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0:7100",
        "10.0.0.5:7100",
        "127.0.0.2:7100",
        "[::]:7100",
        "lab.example.org:7100",
    ],
)
def test_plaintext_stays_on_this_machine(address):
    with pytest.raises(InputError, match="loopback interface") as caught:
        check_loopback(address, field="peers.p3.address", file=Path("lab.yaml"))
    assert caught.value.field == "peers.p3.address"
    assert caught.value.file == "lab.yaml"
    assert address in str(caught.value)
    assert "difpeer keys" in str(caught.value.mend)


def test_localhost_is_told_what_to_write():
    with pytest.raises(InputError) as caught:
        check_loopback("localhost:7100", field="--via")
    assert caught.value.field == "--via"
    assert caught.value.mend == "write 127.0.0.1:7100"


def test_what_is_no_address_is_refused_as_such():
    with pytest.raises(InputError, match="no address"):
        check_loopback("p0", field="--via")


UNKNOWN = "sha256:" + "0" * 64


@pytest.fixture
def served(tmp_path):
    """A network file, what it says, and p0's credentials."""
    file, network = keyed(tmp_path)
    return file, network, Credentials(file, name="p0")


def test_a_mode_that_is_mended_is_noticed(served, caplog):
    file, _, credentials = served
    issue_one(file, "p0")
    own = key_file(file, "p0")
    own.chmod(0o644)
    credentials.refresh()
    assert f"chmod 600 {own}" in caplog.text
    caplog.clear()
    own.chmod(0o600)
    credentials.refresh()
    assert len(credentials.known.identity.certificates) == 2
    assert not caplog.text


@contextmanager
def no_descriptors():
    """Nothing can be opened, as where something else has them all for a while."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_what_passes_by_itself_is_tried_again(served, caplog, monkeypatch):
    file, _, credentials = served
    monkeypatch.setattr(module, "AGAIN_S", 0.0)
    issue_one(file, "p0")
    with no_descriptors():
        credentials.refresh()
        assert "Too many open files" in caplog.text
        caplog.clear()
        credentials.refresh()
        assert not caplog.text
    credentials.refresh()
    assert len(credentials.known.identity.certificates) == 2


def test_what_is_refused_is_not_read_at_every_look(served, monkeypatch):
    file, _, credentials = served
    certificate_file(file, "p1").write_text("half")
    credentials.refresh()
    monkeypatch.setattr(module, "read_network", lambda _: pytest.fail("is read again"))
    assert not credentials.refresh()


@pytest.mark.parametrize("broken", ["alice", "p0"])
def test_a_key_that_is_removed_is_not_believed_though_another_file_is_bad(served, caplog, broken):
    file, network, credentials = served
    before = credentials.known
    certificate_file(file, broken).write_text("half")
    write_network(network.with_keys({"p1": (UNKNOWN,)}, {}), file)
    assert credentials.refresh()
    known = credentials.known
    assert known.ring.pins["p1"] == (UNKNOWN,)
    assert not known.ring.certificates["p1"]
    assert known.network.peers["p1"].keys == (UNKNOWN,)
    assert known.ring.certificates[broken] == before.ring.certificates[broken]
    assert known.identity.certificates == before.identity.certificates
    assert f"certs/{broken}.pem" in caplog.text
    assert "not taken over" in caplog.text


def test_a_half_file_ends_nothing(served):
    """As while it is being copied over the one before."""
    file, _, credentials = served
    before = credentials.known
    certificate_file(file, "p1").write_bytes(certificate_file(file, "p1").read_bytes()[:-40])
    assert not credentials.refresh()
    assert credentials.known.ring == before.ring


def test_a_key_that_is_removed_is_not_believed_though_the_own_one_does_not_fit(served, tmp_path, caplog):
    """As after the end of a rotation, where the process has a copy of the old key until it is started again."""
    file, network, _ = served
    own = shutil.copy(key_file(file, "p0"), tmp_path / "handed.key")
    credentials = Credentials(file, Path(own), "p0")
    before = credentials.known
    _, between = prepare(file, network, "p0")
    finish(file, between, "p0", lambda last: write_network(last.with_keys({"p1": (UNKNOWN,)}, {}), file))
    assert credentials.refresh()
    known = credentials.known
    assert known.ring.pins["p1"] == (UNKNOWN,)
    assert known.ring.owner(before.identity.certificates[0].fingerprint) is None
    assert (known.identity, known.key, known.shown) == (before.identity, before.key, before.shown)
    assert "this is not the key that the network file pins for p0" in caplog.text
    caplog.clear()
    assert not credentials.refresh()
    assert not caplog.text


def test_a_network_file_that_cannot_be_read_changes_nothing(served, caplog):
    file, _, credentials = served
    before = credentials.known
    certificate_file(file, "p1").unlink()
    file.write_text("peers: [")
    assert not credentials.refresh()
    assert credentials.known is before
    assert "not taken over" in caplog.text


def test_a_bad_file_is_refused_at_the_start_where_it_is_a_neighbour_s_and_else_told(served, caplog):
    file, _, _ = served
    certificate_file(file, "alice").write_text("half")
    credentials = Credentials(file, name="p0")
    credentials.check(["p1"])
    assert f"{certificate_file(file, 'alice')}: holds no certificate" in caplog.text
    caplog.clear()
    assert not credentials.refresh()
    assert not caplog.text
    with pytest.raises(InputError, match="holds no certificate"):
        credentials.check(["p1", "alice"])


def test_an_operator_who_cannot_come_in_is_told(served, caplog):
    file, network, _ = served
    missing = certificate_file(file, "alice")
    kept = missing.read_bytes()
    missing.unlink()
    credentials = Credentials(file, name="p0")
    credentials.check(["p1"])
    assert f"alice is pinned, and {missing} is not here: nobody can come in as alice" in caplog.text
    caplog.clear()
    assert not credentials.refresh()
    missing.write_bytes(kept)
    assert credentials.refresh()
    assert not caplog.text
    write_network(network.with_keys({}, {"alice": (UNKNOWN,)}), file)
    assert credentials.refresh()
    assert f"{missing} is not of the pinned key: nobody can come in as alice" in caplog.text


def test_who_lets_nobody_in_needs_no_other_operator(tmp_path, caplog):
    file, _ = keyed(tmp_path, ["alice", "bob"])
    key_file(file, "bob").unlink()
    certificate_file(file, "bob").unlink()
    Credentials(file).check(())
    assert not caplog.text


def test_what_is_mended_is_told_though_nothing_else_differs(served, caplog):
    caplog.set_level(logging.INFO, logger="difpeer")
    file, _, credentials = served
    good = file.read_bytes()
    file.write_text("peers: [")
    credentials.refresh()
    assert "not taken over" in caplog.text
    caplog.clear()
    file.write_bytes(good)
    assert not credentials.refresh()
    assert "keys, pins and certificates are all right again" in caplog.text
    caplog.clear()
    file.write_bytes(good)
    assert not credentials.refresh()
    assert not caplog.text


def test_without_an_operator_the_mend_names_all_that_the_peers_need(tmp_path):
    file, _ = keyed(tmp_path, [])
    with pytest.raises(InputError, match="names no operator") as caught:
        Credentials(file)
    assert "the new file and certs/NAME.pem" in caught.value.mend
