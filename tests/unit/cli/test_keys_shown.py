"""``difpeer keys show`` tells what is wrong, and its exit status too."""

import errno
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from peer.cli.keys import app
from peer.cli.keys_shown import tell
from peer.identity.certificates import issue
from peer.identity.issuing import write_certificates
from peer.identity.keys import new_key, read_key
from peer.identity.ring import certificate_file, key_file, next_key_file
from tests.unit.identity.rings import keyed
from topology.network import write_network

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
UNKNOWN = "sha256:" + "0" * 64


def show(file, **variables):
    """The document's lines by name; its `works` and the exit status say the same."""
    words = () if variables else ("--network", str(file))
    ended = CliRunner().invoke(app, ["show", *words, "--json"], env=variables)
    document = json.loads(ended.stdout)
    assert ended.exit_code == (0 if document["works"] else 1)
    assert document["works"] == all(one["problem"] is None for one in document["keys"])
    lines = {}
    for one in document["keys"]:
        lines.setdefault(one["name"], []).append(one)
    return lines


def wrong(file):
    """The problems by name."""
    found = {}
    for name, lines in show(file).items():
        problems = [one["problem"] for one in lines if one["problem"]]
        assert all(one["problem"] in one["note"] for one in lines if one["problem"])
        if problems:
            (found[name],) = problems
    return found


@pytest.fixture
def site(tmp_path):
    """A network file with keys, certificates and pins beside it, and what it says."""
    return keyed(tmp_path)


def test_all_is_well(site):
    assert wrong(site[0]) == {}


def test_the_network_file_may_be_named_by_the_environment(site):
    assert set(show(None, DIFPEER_NETWORK=str(site[0]))) == {"p0", "p1", "alice"}


def test_a_key_that_others_may_read(site):
    file, _ = site
    own = key_file(file, "p0")
    own.chmod(0o644)
    text = wrong(file)["p0"]
    assert "others may read or write this private key (mode 0644)" in text
    assert f"difpeer keys rotate p0 --network {file}" in text


def test_the_key_of_another_peer(site):
    file, _ = site
    key_file(file, "p0").write_bytes(key_file(file, "p1").read_bytes())
    found = wrong(file)
    assert set(found) == {"p0"}
    assert "it is p1's" in found["p0"]


def test_a_wrong_pin_is_told_once_for_each_key(site):
    file, network = site
    before = network.peers["p1"].keys[0]
    key = read_key(key_file(file, "p1"))
    key_file(file, "p1").unlink()
    write_certificates(certificate_file(file, "p1"), [issue("p1", key, NOW, days * DAY) for days in (5, 9)])
    write_network(network.with_keys({"p1": (UNKNOWN,)}, {}), file)
    assert wrong(file) == {"p1": f"{before} is not pinned"}


def test_a_certificate_that_is_not_pinned_is_told_on_one_line(site):
    file, _ = site
    key = read_key(key_file(file, "p1"))
    stray = issue("p1", new_key(), NOW, DAY)
    write_certificates(
        certificate_file(file, "p1"), [*(issue("p1", key, NOW, days * DAY) for days in (50, 90)), stray]
    )
    first, second = show(file)["p1"]
    assert first["problem"] == f"{stray.fingerprint} is not pinned"
    assert second["problem"] is None


def test_one_file_with_another_name_does_not_hide_the_others(site):
    file, _ = site
    certificate_file(file, "p0").write_bytes(certificate_file(file, "alice").read_bytes())
    certificate_file(file, "p1").write_text("half")
    found = wrong(file)
    assert set(found) == {"p0", "p1"}
    assert "is the certificate of alice" in found["p0"]
    assert "holds no certificate" in found["p1"]


def test_an_expired_certificate_is_wrong_where_there_is_no_other(site):
    file, _ = site
    key = read_key(key_file(file, "p1"))
    old, new = issue("p1", key, NOW - 9 * DAY, DAY), issue("p1", key, NOW, 90 * DAY)
    write_certificates(certificate_file(file, "p1"), [old])
    assert wrong(file) == {"p1": "expired"}
    write_certificates(certificate_file(file, "p1"), [old, new])
    assert wrong(file) == {}
    assert [one["note"] for one in show(file)["p1"]] == ["expired", ""]


def test_what_a_peer_does_not_need_may_be_missing(tmp_path):
    file, network = keyed(tmp_path)
    content = network.model_dump(mode="json", exclude_none=True)
    content["peers"]["p2"] = {}
    content["edges"] = [["p0", "p1"], ["p1", "p2"]]
    write_network(type(network).model_validate(content), file)
    key_file(file, "p1").unlink()
    key_file(file, "alice").unlink()
    assert wrong(file) == {}
    assert show(file)["p2"][0]["note"] == "not pinned"
    certificate_file(file, "p1").unlink()
    certificate_file(file, "alice").unlink()
    assert wrong(file) == {"p1": "no certificate here", "alice": "no certificate here"}


def test_an_operator_needs_no_certificate_of_every_peer(site):
    file, _ = site
    for name in ("p0", "p1"):
        key_file(file, name).unlink()
    certificate_file(file, "p1").unlink()
    assert wrong(file) == {}
    key_file(file, "alice").unlink()
    assert wrong(file) == {"p1": "no certificate here"}


def test_a_rotation_is_nothing_wrong(site):
    file, _ = site
    CliRunner().invoke(app, ["rotate", "p0", "--network", str(file)])
    assert next_key_file(file, "p0").exists()
    assert wrong(file) == {}


def test_a_folder_of_keys_that_is_closed_to_who_looks(tmp_path, monkeypatch):
    """As to somebody who is not root on a machine of systemd's: what is open is shown."""
    file, network = keyed(tmp_path)
    stat = os.stat

    def refused(path, *words, **options):
        if "keys" in Path(str(path)).parts:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path, *words, **options)

    monkeypatch.setattr(os, "stat", refused)
    assert tell(file, network, [*network.names, *network.operators], as_json=True)
