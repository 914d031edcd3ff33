import hashlib
import resource
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from peer.identity.certificates import issue
from peer.identity.keys import fingerprint, key_pem, new_key, read_key, write_key
from topology.errors import InputError


def test_a_key_comes_back(tmp_path):
    key = new_key()
    path = tmp_path / "keys" / "p0.key"
    write_key(path, key)
    assert key_pem(read_key(path)) == key_pem(key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_fingerprint_is_of_the_public_key_in_der():
    key = new_key().public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert fingerprint(key) == "sha256:" + hashlib.sha256(der).hexdigest()


def test_a_key_is_never_written_over(tmp_path):
    write_key(tmp_path / "p0.key", new_key())
    before = (tmp_path / "p0.key").read_bytes()
    with pytest.raises(InputError, match="exists already") as caught:
        write_key(tmp_path / "p0.key", new_key())
    assert "rotate" in caught.value.mend
    assert (tmp_path / "p0.key").read_bytes() == before


def test_nothing_stays_of_a_key_that_could_not_be_written(tmp_path):
    """As on a full disk: the next attempt finds no half key."""
    path = tmp_path / "keys" / "p0.key"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(InputError, match=r"p0.key: cannot be written \(File too large\)"):
            write_key(path, new_key())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not path.exists()
    write_key(path, new_key())


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o660, 0o610])
def test_a_key_that_others_may_touch_is_refused(tmp_path, mode):
    path = tmp_path / "p0.key"
    write_key(path, new_key())
    path.chmod(mode)
    with pytest.raises(InputError, match=rf"mode {mode:04o}") as caught:
        read_key(path)
    assert f"chmod 600 {path}" in caught.value.mend


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_a_key_of_its_owner_alone_is_taken(tmp_path, mode):
    path = tmp_path / "p0.key"
    write_key(path, new_key())
    path.chmod(mode)
    read_key(path)


PLAIN = NoEncryption()


def other(make, encryption=PLAIN):
    return make().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "holds no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds no private key"),
        (other(new_key, BestAvailableEncryption(b"secret")), "without a password"),
        (other(lambda: rsa.generate_private_key(65537, 2048)), "not ECDSA on the curve P-256"),
        (other(lambda: ec.generate_private_key(ec.SECP384R1())), "not ECDSA on the curve P-256"),
        (other(new_key)[:-40], "holds no private key"),
    ],
)
def test_what_is_no_key(tmp_path, content, problem):
    path = tmp_path / "p0.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(InputError, match=problem) as caught:
        read_key(path)
    assert caught.value.file == str(path)
    assert caught.value.mend.startswith("remove the file, then make a key with `difpeer keys issue")


def test_a_certificate_is_not_taken_for_a_key_with_a_wrong_mode(tmp_path):
    key = new_key()
    path = tmp_path / "certs" / "p0.pem"
    path.parent.mkdir()
    path.write_bytes(issue("p0", key, datetime.now(UTC), timedelta(days=1)).pem)
    path.chmod(0o644)
    with pytest.raises(InputError, match="is a certificate") as caught:
        read_key(path)
    assert caught.value.mend == f"the private key is {tmp_path / 'keys' / 'p0.key'}"
    elsewhere = path.rename(tmp_path / "p0.pem")
    with pytest.raises(InputError, match=r"is a certificate; the private key is keys/NAME.key"):
        read_key(elsewhere)
    elsewhere.write_bytes(elsewhere.read_bytes() + key_pem(key))
    with pytest.raises(InputError, match="others may read or write this private key"):
        read_key(elsewhere)


def test_a_key_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_key(tmp_path / "p0.key")
    (tmp_path / "folder").mkdir(mode=0o700)
    with pytest.raises(InputError, match="cannot be read"):
        read_key(tmp_path / "folder")
