"""How a command reaches the peers."""

from datetime import UTC, datetime, timedelta

import pytest

from peer.cli.options import access_of
from peer.identity.certificates import issue
from peer.identity.issuing import write_certificates
from peer.identity.keys import read_key
from peer.identity.ring import certificate_file, key_file
from tests.unit.identity.rings import keyed
from topology.errors import InputError


def test_with_the_operators_key(tmp_path):
    file, _ = keyed(tmp_path)
    assert access_of(file, None, insecure_loopback=False).who == "alice"


@pytest.mark.parametrize(("begins", "words"), [(-2, "expired at"), (2, "begins at")])
def test_an_own_certificate_that_no_peer_would_take(tmp_path, begins, words):
    file, _ = keyed(tmp_path)
    when = datetime.now(UTC) + timedelta(days=begins)
    made = issue("alice", read_key(key_file(file, "alice")), when, timedelta(days=1))
    write_certificates(certificate_file(file, "alice"), [made])
    with pytest.raises(InputError, match=words) as caught:
        access_of(file, None, insecure_loopback=False)
    assert caught.value.file == str(certificate_file(file, "alice"))
    assert caught.value.mend
