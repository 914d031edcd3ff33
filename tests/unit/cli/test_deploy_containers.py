"""What ``deploy compose`` and ``deploy swarm`` write."""

import json
import os
import stat

import pytest
import yaml
from typer.testing import CliRunner

from peer.cli.keys import app as keys_app
from peer.data.store import write_all
from peer.identity.issuing import issue_all
from peer.runtime.credentials import Credentials
from tests.support.problems import local_data, make_tasks
from tests.unit.cli.test_deploy import call
from tests.unit.deploy.networks import unpinned
from topology.errors import InputError
from topology.network import read_network, write_network

NAMES = unpinned().names


@pytest.fixture
def site(tmp_path):
    """A network file with all certificates, all keys and all data."""
    file = tmp_path / "lab.yaml"
    write_network(issue_all(file, unpinned(), ["alice"]), file)
    tasks = make_tasks(NAMES, (2, 2, 2), 8)
    write_all(tmp_path / "data", {name: (own, None) for name, own in local_data(tasks).items()})
    return tmp_path


def compose(site, *words):
    return call(
        "compose", "--network", site / "lab.yaml", "--data", site / "data", "--out", site / "out", *words
    )


def test_compose_writes_all_that_its_containers_mount(site):
    done = compose(site, "--link", "p0,p1:rate=5mbit", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["services"] == ["link.p0", "p0", "link.p1", "p1", "p2", "job"]
    document = yaml.safe_load((site / "out" / "docker-compose.yml").read_text())
    for service in document["services"].values():
        for volume in service.get("volumes", ()):
            assert (site / "out" / volume["source"]).is_dir()


def test_the_containers_find_each_other_by_name(site):
    assert compose(site).exit_code == 0
    network = read_network(site / "out" / "network" / "network.yaml")
    assert [entry.address for entry in network.peers.values()] == ["p0:7100", "p1:7100", "p2:7100"]
    before = read_network(site / "lab.yaml")
    assert network.operators == before.operators
    assert [entry.key for entry in network.peers.values()] == [entry.key for entry in before.peers.values()]


def test_keys_are_for_the_containers_user_only_and_that_is_not_root(site):
    assert compose(site).exit_code == 0
    document = yaml.safe_load((site / "out" / "docker-compose.yml").read_text())
    user = document["services"]["p0"]["user"]
    assert not user.startswith("0:")
    for name in (*NAMES, "alice"):
        found = (site / "out" / "keys" / name / f"{name}.key").stat()
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert f"{found.st_uid}:{found.st_gid}" == user


@pytest.mark.parametrize("umask", [0o027, 0o077])
def test_what_the_containers_user_reads_is_open_to_it_whatever_the_umask(site, umask):
    before = os.umask(umask)
    try:
        assert compose(site).exit_code == 0
    finally:
        os.umask(before)
    network = site / "out" / "network"
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (network, *network.rglob("*"))}
    assert modes == {path: 0o755 if path.is_dir() else 0o644 for path in modes}
    assert len(modes) == 3 + len(NAMES) + 1, (
        "folder, certs/, network file, certificates of peers and operator"
    )


def test_who_has_no_images_is_told_how_to_make_them(site):
    done = compose(site, "--link", "p0,p1:rate=5mbit", "--image", "lab/difpeer:2")
    for line in (
        "docker build --target peer --tag lab/difpeer:2 --file deploy/Dockerfile .",
        "docker build --target operator --tag lab/difpeer-operator:2 --file deploy/Dockerfile .",
        "docker build --tag lab/difpeer-link:2 deploy/link",
    ):
        assert line in done.stdout


def keys(*words):
    done = CliRunner().invoke(keys_app, [str(word) for word in words])
    assert done.exit_code == 0, done.output


def test_keys_are_changed_as_the_document_says(site):
    """After each command what a peer's container sees fits together."""
    assert compose(site).exit_code == 0
    network = site / "out" / "network" / "network.yaml"
    own = site / "out" / "keys" / "p0" / "p0.key"
    containers = Credentials(network, own, "p0")
    addresses = [entry.address for entry in containers.known.network.peers.values()]
    old = containers.known.shown.fingerprint

    def pin():
        keys("pin", site / "certs" / "p0.pem", "--network", network)
        assert containers.refresh()
        Credentials(network, own, "p0").check(NAMES)

    keys("issue", "p0", "--network", site / "lab.yaml")
    pin()
    assert len(containers.known.ring.certificates["p0"]) == 2
    keys("rotate", "p0", "--network", site / "lab.yaml")
    pin()
    keys("rotate", "p0", "--network", site / "lab.yaml", "--finish")
    own.write_bytes((site / "keys" / "p0.key").read_bytes())
    Credentials(network, own, "p0").check(NAMES)
    pin()
    assert containers.known.shown.fingerprint != old
    assert containers.known.ring.pins["p0"] == (containers.known.shown.fingerprint,)
    assert [entry.address for entry in containers.known.network.peers.values()] == addresses


def test_without_an_operators_key_there_is_no_job(site):
    (site / "keys" / "alice.key").unlink()
    done = compose(site)
    assert "no operator's key is on this machine" in done.stdout
    assert "job" not in yaml.safe_load((site / "out" / "docker-compose.yml").read_text())["services"]


@pytest.mark.parametrize("target", ["compose", "swarm"])
def test_a_missing_key_is_named_and_nothing_is_written(site, target):
    (site / "keys" / "p1.key").unlink()
    done = compose(site) if target == "compose" else swarm(site)
    assert isinstance(done.exception, InputError)
    assert done.exception.file.endswith("keys/p1.key")
    assert not (site / "out").exists()


def test_missing_data_are_named(site):
    (site / "data" / "p2").rename(site / "data" / "elsewhere")
    done = compose(site)
    assert isinstance(done.exception, InputError)
    assert (done.exception.field, done.exception.file) == ("--data", str(site / "data" / "p2"))


@pytest.mark.skipif(
    os.getuid() != 0, reason="own files can be read: only root makes containers of another user"
)
def test_data_that_the_containers_cannot_read_are_named(site):
    (site / "data" / "p1").chmod(0o700)
    done = compose(site)
    assert isinstance(done.exception, InputError)
    assert "chmod -R o+rX" in done.exception.mend


def swarm(site, *words):
    return call("swarm", "--network", site / "lab.yaml", "--out", site / "out", *words)


def test_swarm_writes_all_files_that_its_stack_names(site):
    done = swarm(site, "--place", "p0=node-a", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["labels"] == {"p1": "difpeer.p1", "p2": "difpeer.p2"}
    document = yaml.safe_load((site / "out" / "stack.yaml").read_text())
    named = {one["file"] for one in (document["configs"] | document["secrets"]).values()}
    written = {f"./{path.relative_to(site / 'out')}" for path in (site / "out").rglob("*") if path.is_file()}
    assert written == named | {"./stack.yaml"}
    for name in NAMES:
        assert stat.S_IMODE((site / "out" / "keys" / f"{name}.key").stat().st_mode) == 0o600


def test_swarm_tells_how_data_and_labels_get_there(site):
    text = swarm(site, "--data", "/srv/data").stdout
    assert "cp -r data/p0 /srv/data/p0; chown -R 10001:10001 /srv/data/p0" in text
    assert "docker node update --label-add difpeer.p0=yes HOST" in text


def test_the_machines_folder_is_an_absolute_one(site):
    done = swarm(site, "--data", "data")
    assert isinstance(done.exception, InputError)
    assert done.exception.field == "--data"
