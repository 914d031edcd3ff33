import errno
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from peer.identity.certificates import issue
from peer.identity.issuing import issue_one, write_certificates
from peer.identity.keys import fingerprint, new_key, read_key, write_key
from peer.identity.ring import Identity, certificate_file, how_to_renew, key_file, read_identity, read_ring
from tests.unit.identity.rings import PAIR, keyed
from topology.errors import InputError, NotYet
from topology.network import Network, read_network

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
UNKNOWN = "sha256:" + "0" * 64


def test_pins_and_certificates_belong_together(tmp_path):
    file, network = keyed(tmp_path)
    now = datetime.now(UTC)
    ring = read_ring(file, network)
    for name in ("p0", "p1", "alice"):
        (one,) = ring.of(name)
        assert ring.pins[name] == (one.fingerprint,)
        assert ring.owner(one.fingerprint) == name
        assert read_identity(key_file(file, name), ring).name == name
    assert {one.name for one in ring.valid(["p0", "alice", "nobody"], now)} == {"p0", "alice"}
    assert ring.valid(["p0"], now + 1000 * DAY) == []
    assert ring.owner(UNKNOWN) is None


def refused(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return caught.value


def test_who_is_not_known(tmp_path):
    file, network = keyed(tmp_path)
    certificate_file(file, "p1").unlink()
    error = refused(read_ring(file, network).of, "p1")
    assert (error.file, error.problem) == (str(certificate_file(file, "p1")), "no certificate of p1")
    error = refused(read_ring(file, network).of, "bob")
    assert (error.field, error.problem) == ("peers.bob.key", "the key of bob is not pinned")
    assert "difpeer keys pin" in error.mend
    write_certificates(certificate_file(file, "p1"), [issue("p1", new_key(), NOW, DAY)])
    error = refused(read_ring(file, network).of, "p1")
    assert "the network file pins sha256:" in error.problem


def test_an_own_certificate_that_is_missing_is_made_here(tmp_path):
    file, network = keyed(tmp_path)
    certificate_file(file, "p1").unlink()
    error = refused(read_identity, key_file(file, "p1"), read_ring(file, network), "p1")
    assert error.mend.startswith(f"`difpeer keys issue p1 --network {file}` makes it")
    key_file(file, "p1").unlink()
    error = refused(read_ring(file, network).of, "p1")
    assert error.mend.startswith("copy certs/p1.pem from p1's machine")


def test_where_a_key_is_pinned(tmp_path):
    """The mend names what is here: the key, else the certificate, else neither."""
    file, network = keyed(tmp_path)
    ring = read_ring(file, network.model_copy(update={"peers": Network.model_validate(PAIR).peers}))
    issue_ = f"`difpeer keys issue p1 --network {file}`"
    assert refused(ring.of, "p1").mend.startswith(issue_)
    assert refused(read_identity, key_file(file, "p1"), ring, "p1").mend.startswith(issue_)
    key_file(file, "p1").rename(tmp_path / "p1.key")
    pin = f"difpeer keys pin {certificate_file(file, 'p1')} --network {file}"
    assert refused(ring.of, "p1").mend.endswith(pin)
    assert refused(read_identity, tmp_path / "p1.key", ring, "p1").mend.endswith(pin)
    certificate_file(file, "p1").unlink()
    assert refused(ring.of, "p1").mend.endswith(f"difpeer keys pin p1.pem --network {file}")
    assert refused(read_identity, tmp_path / "p1.key", ring).mend.endswith(
        f"difpeer keys pin CERTIFICATE --network {file} --operator"
    )


def test_who_expires_is_renewed_where_the_key_is(tmp_path):
    file, _ = keyed(tmp_path)
    assert f"`difpeer keys issue p1 --network {file}` makes" in how_to_renew("p1", file)
    key_file(file, "p1").unlink()
    assert f"`difpeer keys issue p1 --network {file.name}` on its machine" in how_to_renew("p1", file)


def test_a_file_that_is_none_is_the_problem_of_its_name_only(tmp_path):
    file, network = keyed(tmp_path)
    path = certificate_file(file, "p1")
    path.write_bytes(certificate_file(file, "p0").read_bytes())
    ring = read_ring(file, network)
    assert refused(ring.of, "p1").problem == "is the certificate of p0"
    assert refused(read_identity, key_file(file, "p1"), ring).problem == "is the certificate of p0"
    path.write_text("nothing")
    ring = read_ring(file, network)
    for call in (ring.of, lambda name: ring.believed(name, NOW)):
        error = refused(call, "p1")
        assert (error.file, error.problem) == (str(path), "holds no certificate as PEM, or an odd one")
    assert list(ring.problems) == ["p1"]
    assert read_identity(key_file(file, "p0"), ring).certificates == ring.of("p0")


def test_a_ring_keeps_certificates_of_a_bad_file_as_far_as_they_are_pinned(tmp_path):
    file, network = keyed(tmp_path)
    before = read_ring(file, network)
    for name in ("p1", "alice"):
        certificate_file(file, name).write_text("half")
    kept = read_ring(file, network.with_keys({}, {"alice": (UNKNOWN,)})).keeping(before)
    assert kept.of("p1") == before.of("p1")
    assert refused(kept.of, "alice").problem == "holds no certificate as PEM, or an odd one"


def test_another_key_than_the_pinned_one(tmp_path):
    file, network = keyed(tmp_path)
    ring = read_ring(file, network)
    error = refused(read_identity, key_file(file, "p1"), ring, "p0")
    assert error.field == "--key"
    assert "it is p1's" in error.problem
    write_key(tmp_path / "own.key", new_key())
    assert "its fingerprint is sha256:" in refused(read_identity, tmp_path / "own.key", ring, "p0").problem
    assert "knows no peer and no operator" in refused(read_identity, tmp_path / "own.key", ring).problem


def test_a_certificate_of_another_key(tmp_path):
    """As after a rotation whose certificate was not carried here: both are pinned, one is there."""
    file, network = keyed(tmp_path)
    second = new_key()
    write_key(tmp_path / "second.key", second)
    keys = (network.peers["p0"].key, fingerprint(second.public_key()))
    ring = read_ring(file, network.with_keys({"p0": keys}, {}))
    error = refused(read_identity, tmp_path / "second.key", ring, "p0")
    assert "certificate and key do not belong together" in error.problem
    assert "difpeer keys issue p0" in error.mend


def test_the_oldest_certificate_is_shown_until_it_ends():
    key = new_key()
    old, new, later = (
        issue("p0", key, NOW + start * DAY, lifetime * DAY)
        for start, lifetime in ((0, 10), (5, 365), (50, 365))
    )
    identity = Identity("p0", key, (new, later, old))
    assert identity.certificate(NOW) == old
    assert identity.certificate(NOW + 6 * DAY) == old
    assert identity.certificate(NOW + 10 * DAY - timedelta(seconds=30)) == new
    assert identity.certificate(NOW + 11 * DAY) == new
    assert replace(identity, certificates=(old,)).certificate(NOW + 11 * DAY) == old


def test_a_renewal_that_ends_before_the_one_that_everybody_has_is_not_shown_at_once():
    key = new_key()
    old, shorter = issue("p0", key, NOW, 365 * DAY), issue("p0", key, NOW + DAY, 30 * DAY)
    identity = Identity("p0", key, (old, shorter))
    assert identity.certificate(NOW + 2 * DAY) == old


def test_an_own_certificate_that_nobody_would_take(tmp_path):
    key = new_key()
    identity = Identity("p0", key, (issue("p0", key, NOW, DAY),))
    identity.check(NOW, tmp_path)
    error = refused(identity.check, NOW + 2 * DAY, tmp_path)
    assert "the certificate of p0 expired at " in error.problem
    assert "difpeer keys issue p0" in error.mend
    assert not isinstance(error, NotYet)
    error = refused(identity.check, NOW - DAY, tmp_path)
    assert isinstance(error, NotYet), "a clock is set while the machine starts"
    assert "begins at" in error.problem
    assert error.mend == "set this machine's clock"


def test_a_renewal_keeps_key_pin_and_old_certificate(tmp_path):
    file, network = keyed(tmp_path)
    before = read_key(key_file(file, "p0")).private_numbers()
    issued = issue_one(file, "p0", 30 * DAY)
    assert not issued.new_key
    assert read_key(key_file(file, "p0")).private_numbers() == before
    ring = read_ring(file, read_network(file))
    assert len(ring.of("p0")) == 2
    assert network == read_network(file)


def test_a_service_that_cannot_look_into_the_folder_of_keys(tmp_path, monkeypatch):
    """It has a copy of its own key elsewhere, and needs nobody's of those."""
    file, network = keyed(tmp_path)
    own = tmp_path / "handed.key"
    own.write_bytes(key_file(file, "p0").read_bytes())
    own.chmod(0o600)
    closed = key_file(file, "p0").parent
    stat = os.stat

    def refused(path, *words, **options):
        if str(path).startswith(str(closed)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path, *words, **options)

    monkeypatch.setattr(os, "stat", refused)
    ring = read_ring(file, network)
    assert read_identity(own, ring, "p0").name == "p0"
    assert "on its machine" in how_to_renew("p1", file)
    certificate_file(file, "p1").unlink()
    with pytest.raises(InputError, match="no certificate of p1"):
        read_ring(file, network).of("p1")
