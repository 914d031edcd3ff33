"""The stack of a network."""

import pytest

from peer.deploy.image import IMAGE
from peer.deploy.swarm import SwarmSetup, parse_places, stack_document
from tests.unit.deploy.networks import material, small_network
from topology.errors import InputError

NETWORK = small_network()


def files(changed=b""):
    of_all = material(*NETWORK.names)
    return (
        {"network.yaml": b"network" + changed}
        | {f"certs/{name}.pem": text.encode() for name, text in of_all.certificates.items()}
        | {f"keys/{name}.key": text.encode() for name, text in of_all.keys.items()}
    )


def stack(places=(), changed=b""):
    return stack_document(
        NETWORK, SwarmSetup(IMAGE, "/srv/data", parse_places(NETWORK, places), files(changed))
    )


def test_each_peer_has_its_key_and_no_other_one():
    made = stack()
    for name in NETWORK.names:
        (secret,) = made["services"][name]["secrets"]
        assert made["secrets"][secret["source"]]["file"] == f"./keys/{name}.key"
        assert secret["target"] == f"/run/difpeer/keys/{name}.key"
        assert (secret["uid"], secret["mode"]) == ("10001", 0o400)
    assert len(made["secrets"]) == len(NETWORK.names)


def test_a_peer_has_certificates_of_itself_its_neighbours_and_the_operators():
    targets = {one["target"] for one in stack()["services"]["p0"]["configs"]}
    assert targets == {
        "/etc/difpeer/network.yaml",
        *(f"/etc/difpeer/certs/{name}.pem" for name in ("p0", "p1", "alice")),
    }


def test_keys_are_secrets_and_never_configs():
    assert not any("keys/" in config["file"] for config in stack()["configs"].values())


def test_other_content_has_another_name():
    """A swarm refuses to change what it has under a name."""
    before, after = stack(), stack(changed=b"!")
    gone = set(before["configs"]) - set(after["configs"])
    assert [name.rpartition("-")[0] for name in gone] == ["network"]
    assert before["secrets"] == after["secrets"]


def test_a_peer_is_where_it_is_placed_or_where_the_label_says():
    made = stack(places=["p0=node-a"])["services"]
    assert made["p0"]["deploy"]["placement"]["constraints"] == ["node.hostname == node-a"]
    assert made["p1"]["deploy"]["placement"]["constraints"] == ["node.labels.difpeer.p1 == yes"]


def test_each_peer_has_a_volume_and_the_data_of_its_machine():
    made = stack()
    assert list(made["volumes"]) == ["p0-state", "p1-state", "p2-state"]
    state, data, _ = made["services"]["p1"]["volumes"]
    assert state["source"] == "p1-state"
    assert (data["source"], data["target"]) == ("/srv/data/p1", "/var/lib/difpeer/data/p1")
    assert data["read_only"]


@pytest.mark.parametrize("place", ["p0", "p0=", "p9=node-a"])
def test_what_is_no_place_is_refused(place):
    with pytest.raises(InputError) as refused:
        parse_places(NETWORK, [place])
    assert refused.value.field == "--place"


def test_a_dollar_sign_of_a_path_stays():
    setup = SwarmSetup(IMAGE, "/srv/da$HOMEx", parse_places(NETWORK, ["p0=a$b"]), files())
    service = stack_document(NETWORK, setup)["services"]["p0"]
    assert service["volumes"][1]["source"] == "/srv/da$$HOMEx/p0"
    assert service["deploy"]["placement"]["constraints"] == ["node.hostname == a$$b"]
