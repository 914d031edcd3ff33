"""Certificates: each signed by the key that it is of, because the network file's pins say whom to believe.

TLS wants a certificate, and a peer's name and the time in which the key is to be used have to stand somewhere.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID

from peer.identity.keys import PrivateKey, PublicKey, fingerprint
from topology.errors import InputError

__all__ = [
    "SOON",
    "Certificate",
    "find_certificates",
    "issue",
    "parse_certificate",
    "parse_certificates",
    "read_certificates",
    "tls_name",
]

SUFFIX = ".difpeer.internal"
"""Of the names in certificates: nothing that could be looked up, addresses are hints only."""

_ODD = (
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
    CryptographyDeprecationWarning,
)
"""What cryptography says, besides ValueError, of a certificate that it does not take."""

CLOCK_LEEWAY = timedelta(minutes=5)
"""A certificate is valid from a little before it was made: clocks differ."""

SOON = timedelta(days=14)
"""Before it expires: time enough to make a certificate and to carry it to the others."""

_MAKE_OR_FETCH = "make it with `difpeer keys issue NAME --network FILE`, or fetch it again from its owner"

_FILTERS = Lock()
"""Filters of warnings are the whole process's, and threads of several kinds read certificates."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says.

    Attributes
    ----------
    pem : bytes
        The certificate itself.
    name : str
        Of the peer or operator.
    fingerprint : str
        Of its key, as the network file pins it.
    not_before, not_after : datetime
        In between it is valid; with time zone.
    """

    pem: bytes
    name: str
    fingerprint: str
    not_before: datetime
    not_after: datetime

    def valid(self, now: datetime) -> bool:
        """Whether it is valid at a moment."""
        return self.not_before <= now <= self.not_after


def tls_name(name: str) -> str:
    """Return the name of a peer in its certificate, and in the handshake."""
    return name + SUFFIX


def issue(name: str, key: PrivateKey, now: datetime, lifetime: timedelta) -> Certificate:
    """Make a certificate.

    Parameters
    ----------
    name : str
        Of the peer or operator.
    key : EllipticCurvePrivateKey
        Its key, which signs too.
    now : datetime
        With time zone.
    lifetime : timedelta
        From now on.

    Returns
    -------
    Certificate
        Self-signed.
    """
    serial = x509.random_serial_number()
    # TLS looks for the root of a certificate by the subject and takes the first one: two certificates of one peer,
    # as there are while keys are rotated, need different subjects.
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"{serial:x}"),
        ]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - CLOCK_LEEWAY)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(tls_name(name))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _certificate(made)


def parse_certificate(pem: bytes) -> Certificate:
    """Read one certificate, such as TLS has shown it.

    Raises
    ------
    InputError
        If it is none, or none of difpeer's.
    """
    return parse_certificates(pem)[0]


def parse_certificates(pem: bytes) -> Sequence[Certificate]:
    """Read the certificates in a file's content.

    Parameters
    ----------
    pem : bytes
        One or several.

    Returns
    -------
    sequence of Certificate
        In their order.

    Raises
    ------
    InputError
        If there is none, or one is none of difpeer's; the caller knows the file.
    """
    try:
        with _FILTERS, warnings.catch_warnings():
            # Of what no certificate may say, and later versions of cryptography will refuse.
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            return [_certificate(found) for found in x509.load_pem_x509_certificates(pem)]
    except InputError:
        raise
    except x509.ExtensionNotFound:
        raise InputError("holds a certificate without a name", mend=_MAKE_OR_FETCH) from None
    except (ValueError, *_ODD) as error:
        raise InputError("holds no certificate as PEM, or an odd one", mend=_MAKE_OR_FETCH) from error


def find_certificates(path: Path, *, mend: str | None = None) -> Sequence[Certificate]:
    """Read the certificates in a file that need not be there.

    Parameters
    ----------
    path : Path
        As PEM.
    mend : str, optional
        What to do about content that is no certificate, where the caller knows it better.

    Returns
    -------
    sequence of Certificate
        In their order; empty where there is no file.

    Raises
    ------
    InputError
        If the file cannot be read, holds no certificate, or one that is none of difpeer's.
    """
    try:
        pem = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path, mend="check the file") from None
    try:
        return parse_certificates(pem)
    except InputError as error:
        raise InputError(error.problem, file=path, mend=mend or error.mend) from None


def read_certificates(path: Path, *, mend: str) -> Sequence[Certificate]:
    """Read the certificates in a file; as :func:`find_certificates`, but a missing file is refused with the mend."""
    found = find_certificates(path)
    if not found:
        raise InputError("there is no such file", file=path, mend=mend)
    return found


def _certificate(found: x509.Certificate) -> Certificate:
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (name, *more) = names.get_values_for_type(x509.DNSName) or [""]
    key = found.public_key()
    if more or not name.endswith(SUFFIX) or not isinstance(key, PublicKey):
        raise InputError(
            f"holds a certificate that is not of a peer or operator of difpeer ({name or 'without a name'})",
            mend=_MAKE_OR_FETCH,
        )
    return Certificate(
        found.public_bytes(Encoding.PEM),
        name.removesuffix(SUFFIX),
        fingerprint(key),
        found.not_valid_before_utc.astimezone(UTC),
        found.not_valid_after_utc.astimezone(UTC),
    )
