"""What ``difpeer keys`` refuses, with commands that can be copied as they stand, and what it says when it is done."""

import pytest
from typer.testing import CliRunner

from peer.cli.keys import app
from peer.identity.ring import certificate_file, key_file, next_key_file
from tests.unit.identity.rings import PAIR, keyed
from topology.errors import InputError
from topology.network import Network, read_network, write_network


def call(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def refused(*words):
    with pytest.raises(InputError) as caught:
        call(*words)
    return caught.value


@pytest.fixture
def site(tmp_path):
    return keyed(tmp_path)[0]


@pytest.fixture
def unpinned(tmp_path):
    """The same network without keys and pins."""
    file = tmp_path / "fresh" / "lab.yaml"
    file.parent.mkdir()
    write_network(Network.model_validate(PAIR), file)
    return file


def contents(file):
    return {path: path.read_bytes() for path in file.parent.rglob("*") if path.is_file()}


def test_init_again_changes_nothing_and_says_so(site):
    before = contents(site)
    text = call("init", "--network", site)
    assert contents(site) == before
    assert "kept what was here of p0, p1, alice" in text
    assert "take each to its machine" not in text


def test_init_makes_what_is_missing(site):
    before = contents(site)
    certificate_file(site, "p1").unlink()
    text = call("init", "--network", site)
    assert "kept what was here of p0, alice" in text
    assert "take each to its machine" in text
    after = contents(site)
    assert after.keys() == before.keys()
    assert {path for path in after if after[path] != before[path]} == {certificate_file(site, "p1")}


def test_a_renewal_changes_no_pin(site, unpinned):
    first = call("issue", "p0", "--network", unpinned)
    assert "difpeer keys pin p0.pem --network lab.yaml" in first
    again = call("issue", "p0", "--network", unpinned)
    assert "difpeer keys pin" not in again
    assert f"copy {certificate_file(unpinned, 'p0')} to the neighbours and operators; no pin changes" in again


@pytest.mark.parametrize("words", [("issue", "p1"), ("init",)])
def test_a_copy_of_another_peer_s_key_is_refused_before_anything_is_written(unpinned, words):
    call("issue", "p0", "--network", unpinned)
    own = key_file(unpinned, "p1")
    own.write_bytes(key_file(unpinned, "p0").read_bytes())
    own.chmod(0o600)
    before = contents(unpinned)
    error = refused(*words, "--network", unpinned)
    assert (error.file, error.problem) == (str(own), "is p0's key")
    assert error.mend == f"remove it, then `difpeer keys issue p1 --network {unpinned}`"
    assert contents(unpinned) == before
    own.unlink()
    call("issue", "p1", "--network", unpinned)


def test_one_key_for_two_can_be_mended_as_it_says(site):
    text = site.read_text()
    first, second = (read_network(site).peers[name].keys[0] for name in ("p0", "p1"))
    site.write_text(text.replace(second, first))
    error = refused("show", "--network", site)
    assert error.field == "peers.p1.key"
    assert "take peers.p1.key out of the file" in error.mend
    assert error.mend.endswith("`difpeer keys issue p1 --network FILE`")


def test_one_key_for_a_peer_and_an_operator(site):
    network = read_network(site)
    site.write_text(site.read_text().replace(network.operator_keys["alice"][0], network.peers["p1"].keys[0]))
    error = refused("show", "--network", site)
    assert "take operators.alice out of the file" in error.mend
    assert error.mend.endswith("`difpeer keys issue alice --network FILE --operator`")


def test_a_file_with_another_name_is_mended_as_it_says(site):
    """On the machine of the peer that the file should be of, and its own is elsewhere by then."""
    wrong = certificate_file(site, "p1")
    wrong.write_bytes(certificate_file(site, "p0").read_bytes())
    issue = f"then `difpeer keys issue p1 --network {site}`"
    assert refused("issue", "p1", "--network", site).mend == f"remove it, {issue}"
    certificate_file(site, "p0").unlink()
    assert refused("issue", "p1", "--network", site).mend == f"rename it to p0.pem, {issue}"
    wrong.rename(certificate_file(site, "p0"))
    call("issue", "p1", "--network", site)
    assert "sha256" in call("show", "--network", site)


def test_a_certificate_of_nobody_who_is_known(site, unpinned):
    call("issue", "bob", "--operator", "--network", unpinned)
    sent = certificate_file(unpinned, "bob")
    error = refused("pin", sent, "--network", site)
    assert (error.file, error.field) == (str(sent), None)
    assert "no peer of network 'pair' is called 'bob'" in error.problem
    assert error.mend.endswith("if it is of an operator, add --operator")
    peers = certificate_file(site, "p1")
    error = refused("pin", peers, "--operator", "--network", site)
    assert (error.file, error.field, error.problem) == (str(peers), None, "p1 is a peer")
    assert "leave --operator out" in error.mend


def test_a_rotation_that_cannot_be(site):
    assert refused("rotate", "p0", "--finish", "--network", site).mend == (
        f"begin with `difpeer keys rotate p0 --network {site}`"
    )
    call("rotate", "p0", "--network", site)
    error = refused("rotate", "p0", "--network", site)
    assert error.mend.startswith(f"`difpeer keys rotate p0 --finish --network {site}` when the others have")
    assert next_key_file(site, "p0").exists()
    key_file(site, "p1").unlink()
    error = refused("rotate", "p1", "--network", site)
    assert error.file == str(key_file(site, "p1"))
    assert "rotate the key on p1's machine" in error.mend
    assert "--key" not in error.mend
    error = refused("rotate", "p7", "--network", site)
    assert error.field == "NAME"
    assert "no peer or operator of network 'pair' is called 'p7'" in error.problem
