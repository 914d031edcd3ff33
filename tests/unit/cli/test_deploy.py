import json
import stat

import pytest
import yaml
from typer.testing import CliRunner

from peer.cli import deploy
from peer.identity.issuing import issue_all
from peer.identity.ring import key_file
from tests.unit.deploy.networks import unpinned
from topology.errors import InputError
from topology.network import write_network


@pytest.fixture
def folder(tmp_path):
    """A network file with certificates of all and the keys of two."""
    file = tmp_path / "lab.yaml"
    write_network(issue_all(file, unpinned(), ["alice"]), file)
    key_file(file, "p1").unlink()
    return tmp_path


def call(*words):
    return CliRunner().invoke(
        deploy.app, [str(word) for word in words], env={"COLUMNS": "200", "TERM": "dumb"}
    )


def test_objects_of_kubernetes_are_written_and_keys_are_for_their_owner_only(folder):
    done = call("kubernetes", "--network", folder / "lab.yaml", "--out", folder / "out", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["keys_elsewhere"] == ["p1"]
    written = sorted((folder / "out").iterdir())
    assert [file.name for file in written] == ["1-network.yaml", "2-keys.yaml", "3-peers.yaml"]
    assert stat.S_IMODE(written[1].stat().st_mode) == 0o600
    assert "PRIVATE KEY" not in written[0].read_text() + written[2].read_text()
    objects = [o for file in written for o in yaml.safe_load_all(file.read_text())]
    assert len(objects) == document["objects"]


def test_how_keys_and_data_get_there_is_told(folder):
    done = call("kubernetes", "--network", folder / "lab.yaml", "--out", folder / "out", "--namespace", "lab")
    assert "kubectl -n lab create secret generic p1-key --from-file=p1.key" in done.stdout
    assert "kubectl -n lab cp -c await-data data/p0" in done.stdout


def test_a_missing_certificate_is_named_and_nothing_is_written(folder):
    (folder / "certs" / "p2.pem").unlink()
    done = call("kubernetes", "--network", folder / "lab.yaml", "--out", folder / "out")
    assert isinstance(done.exception, InputError)
    assert "p2" in done.exception.problem
    assert not (folder / "out").exists()


def test_a_certificate_file_that_cannot_be_used_is_named(folder):
    (folder / "certs" / "p2.pem").write_text("half")
    done = call("kubernetes", "--network", folder / "lab.yaml", "--out", folder / "out")
    assert isinstance(done.exception, InputError)
    assert "holds no certificate" in done.exception.problem
    assert done.exception.file.endswith("certs/p2.pem")


def test_a_key_that_does_not_fit_its_pin_is_not_carried_to_a_cluster(folder):
    (folder / "keys" / "p2.key").replace(folder / "keys" / "p0.key")
    done = call("kubernetes", "--network", folder / "lab.yaml", "--out", folder / "out")
    assert isinstance(done.exception, InputError)
    assert "not the key that the network file pins for p0" in done.exception.problem


def test_a_unit_is_written_with_its_user(folder):
    done = call(
        "systemd", "--network", folder / "lab.yaml", "--name", "p1", "--out", folder / "out", "--json"
    )
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["listen"] == "[::]:7101"
    assert (folder / "out" / document["sysusers"]).read_text().startswith("u difpeer ")
    assert "--name p1 " in (folder / "out" / document["unit"]).read_text()


def test_a_unit_of_a_stranger(folder):
    done = call("systemd", "--network", folder / "lab.yaml", "--name", "p7", "--out", folder / "out")
    assert isinstance(done.exception, InputError)
    assert done.exception.field == "--name"


@pytest.mark.parametrize("target", [["kubernetes"], ["systemd", "--name", "p0"]])
def test_what_is_there_is_not_written_over(folder, target):
    done = call(*target, "--network", folder / "lab.yaml", "--out", folder)
    assert isinstance(done.exception, InputError)
    assert done.exception.field == "--out"
