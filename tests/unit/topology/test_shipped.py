import pytest

from topology.errors import InputError
from topology.generators import make_network
from topology.network import write_network
from topology.shipped import resolve_network, shipped_names, shipped_network


def test_the_shipped_names():
    assert shipped_names() == ("er20", "er8", "ring8", "star6")


@pytest.mark.parametrize(("name", "num_peers"), [("er20", 20), ("er8", 8), ("ring8", 8), ("star6", 6)])
def test_each_is_a_metropolis_network_of_its_size(name, num_peers):
    network = shipped_network(name)
    assert network.name == name
    assert len(network.names) == num_peers
    assert network.mixing == "metropolis"


def test_fixed_shapes_are_what_the_generator_makes():
    assert shipped_network("ring8") == make_network("ring", 8, name="ring8").network
    assert shipped_network("star6") == make_network("star", 6, name="star6").network


def test_an_unknown_name_is_refused_with_a_hint():
    with pytest.raises(InputError, match="'er9' is shipped; did you mean 'er"):
        shipped_network("er9")


def test_a_text_is_a_path_or_a_shipped_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = make_network("path", 3, name="own").network
    write_network(own, tmp_path / "lab.yaml")
    assert resolve_network("lab.yaml") == own
    assert resolve_network(str(tmp_path / "lab.yaml")) == own
    assert resolve_network("er8") == shipped_network("er8")


def test_an_own_file_goes_before_a_shipped_name_and_a_folder_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = make_network("path", 3, name="own").network
    write_network(own, tmp_path / "er8")
    assert resolve_network("er8") == own
    (tmp_path / "star6").mkdir()
    assert resolve_network("star6") == shipped_network("star6")


def test_neither_path_nor_name_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no such file, and no shipped network .* er20, er8, ring8, star6"):
        resolve_network("lab.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        resolve_network(str(tmp_path))
