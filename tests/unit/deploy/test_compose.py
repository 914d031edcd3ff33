"""The compose file of a network."""

from pathlib import Path

import pytest

from peer.deploy.compose import ComposeSetup, compose_document
from peer.deploy.image import IMAGE
from peer.deploy.links import parse_links
from tests.unit.deploy.networks import small_network
from topology.errors import InputError
from topology.network import Network
from topology.yamlfile import validate

NETWORK = small_network()
DATA = {name: Path("/data") / name for name in NETWORK.names}


def services(operator="alice", rate=None, link=(), image=IMAGE, data=DATA):
    links = parse_links(NETWORK, rate, None, link)
    return compose_document(NETWORK, ComposeSetup(image, "1000:1000", data, operator, links))["services"]


def sources(service):
    return [volume["source"] for volume in service["volumes"]]


def test_a_container_for_each_peer_and_one_for_runs():
    assert list(services()) == ["p0", "p1", "p2", "job"]
    assert list(services(operator=None)) == ["p0", "p1", "p2"]


@pytest.mark.parametrize("name", NETWORK.names)
def test_a_peer_sees_its_own_key_data_and_state_only(name):
    for source in sources(services()[name]):
        assert source == "./network" or Path(source).name == name
    writable = [volume for volume in services()[name]["volumes"] if not volume.get("read_only")]
    assert writable == [{"type": "bind", "source": f"./state/{name}", "target": "/var/lib/difpeer/state"}]


def test_who_submits_sees_no_peers_key_and_no_data():
    assert sources(services()["job"]) == ["./network", "./keys/alice", "./jobs"]


@pytest.mark.parametrize("name", [*NETWORK.names, "job"])
def test_no_container_has_rights_of_root(name):
    service = services()[name]
    assert service["user"] == "1000:1000"
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["read_only"]


def test_a_peer_with_a_limited_link_starts_when_it_is_limited_and_has_no_rights_over_it():
    made = services(link=["p0,p1:rate=5mbit"])
    assert list(made) == ["link.p0", "p0", "link.p1", "p1", "p2", "job"]
    assert made["link.p1"]["command"] == ["p0:5mbit:-"]
    assert made["link.p1"]["cap_add"] == ["NET_ADMIN"]
    assert made["link.p1"]["networks"]["default"]["aliases"] == ["p1"]
    assert made["p1"]["network_mode"] == "service:link.p1"
    assert made["p1"]["depends_on"] == {"link.p1": {"condition": "service_healthy"}}
    assert "cap_add" not in made["p1"]
    assert "network_mode" not in made["p2"]


def test_a_peer_called_as_the_service_of_runs_is_refused():
    network = validate(Network, {"name": "n", "peers": {"job": {}, "p1": {}}, "edges": [["job", "p1"]]})
    with pytest.raises(InputError, match="job"):
        compose_document(network, ComposeSetup(IMAGE, "1:1", DATA, None, {}))


def test_paths_with_a_colon_or_a_dollar_sign_are_what_compose_mounts():
    """It would put a variable's value after the sign: ``da$HOMEx`` was ``da``."""
    data = {name: Path("/srv/da$HOMEx:${y}") / name for name in NETWORK.names}
    made = services(data=data, image="registry/$difpeer:1")
    volume = made["p1"]["volumes"][2]
    assert volume == {
        "type": "bind",
        "source": "/srv/da$$HOMEx:$${y}/p1",
        "target": "/var/lib/difpeer/data/p1",
        "read_only": True,
    }
    assert made["p1"]["image"] == "registry/$$difpeer:1"
