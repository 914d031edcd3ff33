"""``difpeer keys``."""

import json
import os
import stat

import pytest
from typer.testing import CliRunner

from peer.cli.keys import app
from peer.identity.ring import certificate_file, key_file, read_identity, read_ring
from topology.errors import InputError
from topology.network import Network, read_network, write_network

LAB = {"name": "lab", "peers": {"p0": {}, "p1": {}, "p2": {}}, "edges": [["p0", "p1"], ["p1", "p2"]]}


def call(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def keys(*words):
    return {one["name"]: one for one in json.loads(call(*words, "--json"))["keys"]}


@pytest.fixture
def lab(tmp_path):
    file = tmp_path / "site" / "lab.yaml"
    file.parent.mkdir()
    write_network(Network.model_validate(LAB), file)
    return file


def test_everything_on_one_machine(lab):
    made = keys("init", "--network", lab, "--operator", "alice")
    assert list(made) == ["p0", "p1", "p2", "alice"]
    ring = read_ring(lab, read_network(lab))
    for name, one in made.items():
        assert one["role"] == ("operator" if name == "alice" else "peer")
        assert one["pins"] == [one["fingerprint"]]
        assert one["own_key"] == str(key_file(lab, name))
        assert one["note"] == ""
        assert read_identity(key_file(lab, name), ring).name == name
    assert keys("show", "--network", lab) == made
    text = call("show", "--network", lab)
    assert all(one["fingerprint"] in text for one in made.values())


def test_init_again_makes_certificates_and_no_other_keys(lab):
    before = keys("init", "--network", lab)
    assert "operator" in before
    after = keys("init", "--network", lab)
    assert {name: one["pins"] for name, one in after.items()} == {n: one["pins"] for n, one in before.items()}


def test_each_site_makes_its_own(lab, tmp_path):
    """Three machines with the network file, without pins; then certificates go round."""
    machines = {}
    for name in ("p0", "p1", "p2", "alice"):
        file = machines[name] = tmp_path / name / "lab.yaml"
        file.parent.mkdir()
        file.write_bytes(lab.read_bytes())
        words = ("--operator",) if name == "alice" else ()
        keys("issue", name, "--network", file, *words)
    for name, file in machines.items():
        for other, theirs in machines.items():
            words = ("--operator",) if other == "alice" else ()
            if other != name:
                keys("pin", certificate_file(theirs, other), "--network", file, *words)
    networks = [read_network(file) for file in machines.values()]
    assert all(network == networks[0] for network in networks)
    assert set(networks[0].operators) == {"alice"}
    for name, file in machines.items():
        ring = read_ring(file, networks[0])
        assert read_identity(key_file(file, name), ring).name == name
        assert all(ring.of(other) for other in machines)
        shown = keys("show", "--network", file)
        assert {n for n, one in shown.items() if one["own_key"]} == {name}


@pytest.fixture
def elsewhere(tmp_path):
    """The same network on another machine, without pins."""
    file = tmp_path / "other" / "lab.yaml"
    file.parent.mkdir()
    write_network(Network.model_validate(LAB), file)
    return file


@pytest.mark.parametrize(("name", "words"), [("p1", ()), ("operator", ("--operator",))])
def test_a_pin_is_replaced_where_that_is_asked_for(lab, elsewhere, name, words):
    old = keys("init", "--network", lab)[name]["fingerprint"]
    new = keys("issue", name, "--network", elsewhere, *words)[name]["fingerprint"]
    before = lab.read_text(), certificate_file(lab, name).read_bytes()
    call_ = ("pin", certificate_file(elsewhere, name), "--network", lab, *words)
    error = refused(*call_)
    assert f"pins {old} for {name}" in error.problem
    assert new in error.problem
    assert "--replace" in error.mend
    assert error.file == str(certificate_file(elsewhere, name))
    assert (lab.read_text(), certificate_file(lab, name).read_bytes()) == before
    assert keys(*call_, "--replace")[name]["pins"] == [new]


def test_a_rotation_is_followed_by_pins(lab, elsewhere):
    """Where each site has its own network file, and gets certificates only."""
    (old,) = keys("issue", "p1", "--network", lab)["p1"]["pins"]
    theirs = certificate_file(lab, "p1")
    keys("pin", theirs, "--network", elsewhere)
    new = keys("rotate", "p1", "--network", lab)["p1"]["fingerprint"]
    assert keys("pin", theirs, "--network", elsewhere)["p1"]["pins"] == [old, new]
    keys("rotate", "p1", "--finish", "--network", lab)
    assert keys("pin", theirs, "--network", elsewhere)["p1"]["pins"] == [new]


def test_a_file_of_two_names_is_refused(lab, elsewhere):
    """Else who sends a peer's certificate could send an operator's with it."""
    keys("init", "--operator", "alice", "--network", lab)
    keys("issue", "p1", "--network", elsewhere)
    keys("issue", "alice", "--operator", "--network", elsewhere)
    sent = certificate_file(elsewhere, "p1")
    sent.write_bytes(sent.read_bytes() + certificate_file(elsewhere, "alice").read_bytes())
    before = lab.read_text()
    for words in ((), ("--replace",), ("--replace", "--operator")):
        error = refused("pin", sent, "--network", lab, *words)
        assert error.problem == "holds certificates of more than one name: alice, p1"
        assert error.file == str(sent)
    assert lab.read_text() == before


def test_an_operator_is_pinned_as_such_only(lab, elsewhere):
    keys("init", "--operator", "alice", "--network", lab)
    keys("issue", "alice", "--operator", "--network", elsewhere)
    keys("issue", "p1", "--network", elsewhere)
    for file in (certificate_file(elsewhere, "alice"), certificate_file(lab, "alice")):
        error = refused("pin", file, "--network", lab, "--replace")
        assert error.problem == "is of alice, who is an operator and may submit runs"
        assert "--operator" in error.mend
    assert "add --operator" in refused("pin", certificate_file(lab, "alice"), "--network", elsewhere).mend
    error = refused("pin", certificate_file(elsewhere, "p1"), "--operator", "--network", lab)
    assert error.problem == "p1 is a peer"


def refused(*words):
    with pytest.raises(InputError) as caught:
        call(*words)
    return caught.value


def test_names(lab):
    assert "for an operator add --operator" in refused("issue", "alice", "--network", lab).mend
    assert refused("issue", "p0", "--operator", "--network", lab).problem == "p0 is a peer"
    assert "cannot be a name" in refused("issue", "Alice B", "--operator", "--network", lab).problem
    assert refused("init", "--operator", "p1", "--network", lab).problem == "p1 is a peer"
    assert not (lab.parent / "keys").exists()


def test_no_second_key_where_one_is_pinned(lab):
    keys("init", "--network", lab)
    key_file(lab, "p1").unlink()
    for words in (("issue", "p1"), ("init",)):
        error = refused(*words, "--network", lab)
        assert error.field == "peers.p1"
        assert "is pinned already, and is on another machine" in error.problem
    assert not key_file(lab, "p1").exists()


def test_certificates_that_are_none(lab, tmp_path):
    assert "no such file" in refused("pin", tmp_path / "none.pem", "--network", lab).problem
    (tmp_path / "x.pem").write_text("x")
    assert "no certificate" in refused("pin", tmp_path / "x.pem", "--network", lab).problem


def test_comments_are_kept_aside(lab):
    text = "# who is where\n" + lab.read_text()
    lab.write_text(text)
    keys("issue", "p0", "--network", lab)
    assert lab.with_name("lab.yaml.before").read_text() == text
    assert read_network(lab).peers["p0"].key


def test_rotation_and_what_is_shown_meanwhile(lab):
    old = keys("init", "--network", lab)["p0"]["fingerprint"]
    document = json.loads(call("rotate", "p0", "--network", lab, "--json"))["keys"]
    assert [one["note"] for one in document] == ["a rotation is on"] * 2
    assert document[0]["pins"][0] == old
    after = keys("rotate", "p0", "--finish", "--network", lab)["p0"]
    assert after["pins"] == [document[1]["fingerprint"]]
    assert after["note"] == ""


def test_a_certificate_file_that_cannot_be_used_is_a_note(lab):
    before = keys("init", "--network", lab)
    certificate_file(lab, "p1").write_text("half")
    shown = keys("show", "--network", lab)
    assert shown["p0"] == before["p0"]
    assert shown["p1"]["fingerprint"] is None
    assert shown["p1"]["note"].startswith(f"{certificate_file(lab, 'p1')}: holds no certificate as PEM")
    assert "certs/p1.pem: holds no certificate" in call("show", "--network", lab)


@pytest.fixture
def private():
    """As root's shell may be set: new files are for nobody else."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_public_files_stay_public_and_links_stay_links(tmp_path, lab, private):
    lab.chmod(0o644)
    target = lab.replace(tmp_path / "kept.yaml")
    lab.symlink_to(target)
    for words in (("init",), ("issue", "p0"), ("rotate", "p0"), ("rotate", "p0", "--finish")):
        call(*words, "--network", lab)
        assert lab.is_symlink()
        assert read_network(target) == read_network(lab)
        assert mode(target) == 0o644
        for name in ("p0", "p1", "operator"):
            assert mode(certificate_file(lab, name)) == 0o644
            assert mode(key_file(lab, name)) == 0o600
    assert mode(certificate_file(lab, "p0").parent) == 0o755
    assert mode(key_file(lab, "p0").parent) == 0o700
