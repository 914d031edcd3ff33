"""What the images are called and are told."""

import re
from pathlib import Path

import pytest

from peer import __version__
from peer.deploy.image import USER_ID, by_name, peer_environment, related_image
from tests.unit.deploy.networks import small_network

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("image", "related"),
    [
        ("difpeer:0.1.0", "difpeer-link:0.1.0"),
        ("difpeer", "difpeer-link"),
        ("localhost:5000/lab/difpeer:1", "localhost:5000/lab/difpeer-link:1"),
        ("localhost:5000/difpeer", "localhost:5000/difpeer-link"),
        ("difpeer:1@sha256:00", "difpeer-link:1"),
    ],
)
def test_images_that_belong_together(image, related):
    assert related_image(image, "link") == related


def test_peers_are_reached_by_name_and_stay_who_they_are():
    network = small_network()
    placed = by_name(network)
    assert {name: entry.address for name, entry in placed.peers.items()} == {
        name: f"{name}:7100" for name in network.names
    }
    assert [entry.key for entry in placed.peers.values()] == [entry.key for entry in network.peers.values()]
    assert placed.edges == network.edges
    assert placed.operators == network.operators


def test_a_peers_folders_are_called_as_it_is():
    """``serve`` refuses a data folder that is called as another peer."""
    told = peer_environment("p0")
    assert Path(told["DIFPEER_DATA"]).name == told["DIFPEER_NAME"] == "p0"


@pytest.mark.parametrize("file", ["deploy/Dockerfile", "deploy/link/Dockerfile", "docker-compose.yml"])
def test_the_files_for_containers_are_of_this_version(file):
    named = re.findall(r"(?:VERSION=|difpeer(?:-[a-z]+)?:)([0-9][0-9.]+)", (ROOT / file).read_text())
    assert named
    assert set(named) == {__version__}


def test_the_image_has_the_user_that_files_are_given_to():
    assert f"USER {USER_ID}:{USER_ID}" in (ROOT / "deploy/Dockerfile").read_text()
    assert f"chown -R {USER_ID}:{USER_ID} " in (ROOT / "deploy/compose/init.sh").read_text()
