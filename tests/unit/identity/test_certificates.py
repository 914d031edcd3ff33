import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from peer.identity.certificates import (
    find_certificates,
    issue,
    parse_certificate,
    parse_certificates,
    read_certificates,
    tls_name,
)
from peer.identity.keys import fingerprint, new_key
from topology.errors import InputError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_certificate_says_who_which_key_and_until_when():
    key = new_key()
    made = issue("p0", key, NOW, 30 * DAY)
    assert parse_certificate(made.pem) == made
    assert (made.name, made.fingerprint) == ("p0", fingerprint(key.public_key()))
    assert made.not_after == NOW + 30 * DAY
    assert made.not_before < NOW
    assert made.valid(NOW)
    assert not made.valid(NOW + 31 * DAY)
    assert not made.valid(NOW - DAY)


def test_it_is_signed_by_its_own_key_and_no_authority():
    made = x509.load_pem_x509_certificate(issue("p0", new_key(), NOW, DAY).pem)
    made.verify_directly_issued_by(made)
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_two_of_one_peer_have_different_subjects():
    """TLS looks for a root by its subject and takes the first."""
    key = new_key()
    subjects = {
        x509.load_pem_x509_certificate(issue("p0", key, NOW, DAY).pem).subject.rfc4514_string()
        for _ in range(3)
    }
    assert len(subjects) == 3


def test_several_in_one_file():
    made = [issue(name, new_key(), NOW, DAY) for name in ("p0", "p0", "p1")]
    assert list(parse_certificates(b"text\n".join(one.pem for one in made))) == made


def foreign(*names):
    key = new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    )
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + DAY)
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False
        )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("pem", "problem"),
    [
        (b"", "no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate"),
        (foreign(), "without a name"),
        (foreign("example.org"), "not of a peer or operator"),
        (foreign(tls_name("p0"), tls_name("p1")), "not of a peer or operator"),
    ],
)
def test_what_is_no_certificate_of_ours(pem, problem):
    with pytest.raises(InputError, match=problem) as caught:
        parse_certificates(pem)
    assert "difpeer keys issue" in caught.value.mend


def test_a_file_that_may_be_missing_and_one_that_may_not(tmp_path):
    path = tmp_path / "p0.pem"
    assert not find_certificates(path)
    with pytest.raises(InputError, match="no such file") as caught:
        read_certificates(path, mend="make it")
    assert (caught.value.file, caught.value.mend) == (str(path), "make it")
    made = issue("p0", new_key(), NOW, DAY)
    path.write_bytes(made.pem)
    assert list(find_certificates(path)) == list(read_certificates(path, mend="")) == [made]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for read in (find_certificates, lambda path: read_certificates(path, mend="")):
        with pytest.raises(InputError, match="Is a directory") as caught:
            read(tmp_path)
        assert caught.value.file == str(tmp_path)


def test_readers_in_several_threads_leave_the_filters_of_warnings_as_they_were():
    pem = issue("p0", new_key(), NOW, DAY).pem
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda _: parse_certificate(pem), range(2000)):
            pass
    assert warnings.filters == before
