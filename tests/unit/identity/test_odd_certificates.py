"""Certificates that are nearly ours: refused as bad input, whatever cryptography says of them."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest

from peer.identity.certificates import issue, parse_certificates
from peer.identity.keys import new_key
from topology.errors import InputError

MADE = issue("p0", new_key(), datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)).pem
DER = ssl.PEM_cert_to_DER_cert(MADE.decode())

CURVE = bytes.fromhex("06082a8648ce3d030107")
VERSION = bytes.fromhex("a003020102")
SERIAL_AT = DER.index(VERSION) + len(VERSION) + 2


def pem(der: bytes) -> bytes:
    return ssl.DER_cert_to_PEM_cert(der).encode()


@pytest.mark.parametrize(
    "der",
    [
        DER.replace(CURVE, CURVE[:-1] + b"\x63"),
        DER.replace(VERSION, VERSION[:-1] + b"\x09"),
        DER[:SERIAL_AT] + b"\x80" + DER[SERIAL_AT + 1 :],
        DER[:-20],
        DER.replace(b"p0.difpeer.internal", b"p0.difpeer.external"),
    ],
    ids=["an unknown curve", "version 10", "a serial number below 0", "cut short", "a foreign name"],
)
def test_an_odd_one_is_bad_input(der):
    assert parse_certificates(MADE)[0].name == "p0"
    with pytest.raises(InputError, match="holds "):
        parse_certificates(pem(der))


def test_a_foreign_name_is_told():
    with pytest.raises(InputError, match=r"not of a peer or operator of difpeer \(p0.difpeer.external\)"):
        parse_certificates(pem(DER.replace(b"p0.difpeer.internal", b"p0.difpeer.external")))
