from pathlib import Path

import pytest

from peer.identity import rotation
from peer.identity.ring import key_file, next_key_file, read_identity, read_ring
from peer.identity.rotation import finish, prepare
from peer.runtime.credentials import Credentials
from tests.unit.identity.rings import keyed
from topology.errors import InputError
from topology.network import read_network, write_network


def written(file, then=lambda: None):
    """Writes the network file."""

    def write(network):
        write_network(network, file)
        then()

    return write


@pytest.mark.parametrize("name", ["p0", "alice"])
def test_one_key_after_the_other(tmp_path, name):
    file, network = keyed(tmp_path)
    old = read_ring(file, network).pins[name]
    certificate, between = prepare(file, network, name)
    ring = read_ring(file, between)
    assert ring.pins[name] == (*old, certificate.fingerprint)
    assert [one.fingerprint for one in ring.of(name)] == list(ring.pins[name])
    assert read_identity(key_file(file, name), ring, name).certificates[0].fingerprint == old[0]
    _, after = finish(file, between, name, written(file))
    assert read_network(file) == after
    ring = read_ring(file, after)
    assert ring.pins[name] == (certificate.fingerprint,)
    assert read_identity(key_file(file, name), ring, name).certificates == (certificate,)
    assert not next_key_file(file, name).exists()


def test_every_moment_in_between_can_be_read(tmp_path):
    """Running peers read the files at any time: with the old network file, and the new one."""
    file, network = keyed(tmp_path)
    _, between = prepare(file, network, "p0")
    read_identity(key_file(file, "p0"), read_ring(file, network), "p0")
    _, after = finish(file, between, "p0", written(file))
    for read in (between, after):
        read_identity(key_file(file, "p0"), read_ring(file, read), "p0")


class Interrupted(Exception):
    """As by a signal or a loss of power."""


def interrupted(*_):
    raise Interrupted


@pytest.mark.parametrize("name", ["p0", "alice"])
@pytest.mark.parametrize("at", ["before the network file", "after it", "the certificates", "the key"])
def test_the_end_is_repeated_after_an_interruption(tmp_path, monkeypatch, name, at):
    file, network = keyed(tmp_path)
    certificate, between = prepare(file, network, name)
    write_network(between, file)
    credentials = {peer: Credentials(file, name=peer) for peer in ("p0", "p1")}
    before = credentials["p0"].known
    write = {"before the network file": interrupted, "after it": written(file, interrupted)}
    with monkeypatch.context() as patch:
        if at == "the certificates":
            patch.setattr(rotation, "write_certificates", interrupted)
        elif at == "the key":
            patch.setattr(Path, "replace", only_public(Path.replace))
        with pytest.raises(Interrupted):
            finish(file, between, name, write.get(at, written(file)))
    for one in credentials.values():
        one.refresh()
    now = credentials["p0"].known
    assert (now.identity.name, now.shown) == (before.identity.name, before.shown)
    old = [one for one in before.ring.of(name) if one != certificate]
    assert now.ring.of(name) == ((*old, certificate) if at == "before the network file" else (certificate,))

    _, after = finish(file, read_network(file), name, written(file))
    assert after == read_network(file)
    ring = read_ring(file, after)
    assert (ring.pins[name], ring.strays[name]) == ((certificate.fingerprint,), ())
    assert read_identity(key_file(file, name), ring, name).certificates == (certificate,)
    assert not next_key_file(file, name).exists()
    for one in credentials.values():
        one.refresh()
        assert one.known.ring == ring
    assert credentials["p0"].known.identity.certificates == ring.of("p0")


@pytest.mark.parametrize(("name", "asked"), [("p0", "p0"), ("alice", None)])
def test_who_starts_after_an_interruption_is_told_how_to_end_it(tmp_path, name, asked):
    file, network = keyed(tmp_path)
    _, between = prepare(file, network, name)
    with pytest.raises(Interrupted):
        finish(file, between, name, written(file, interrupted))
    with pytest.raises(InputError) as caught:
        Credentials(file, name=asked)
    assert f"`difpeer keys rotate {name} --finish --network {file}`" in caught.value.mend
    finish(file, read_network(file), name, written(file))
    assert Credentials(file, name=asked).known.identity.name == name


def test_another_key_than_the_pinned_one_is_no_interruption(tmp_path):
    file, network = keyed(tmp_path)
    _, between = prepare(file, network, "p0")
    with pytest.raises(InputError) as caught:
        read_identity(key_file(file, "p1"), read_ring(file, between), "p0")
    assert "--finish" not in caught.value.mend


def only_public(replace):
    """Rename all but keys."""
    return lambda path, target: interrupted() if path.suffix == ".key" else replace(path, target)


def test_a_key_that_cannot_be_put_in_place_is_told(tmp_path):
    file, network = keyed(tmp_path)
    _, between = prepare(file, network, "p0")
    own = key_file(file, "p0")
    own.unlink()
    own.mkdir()
    with pytest.raises(InputError, match="cannot be written") as caught:
        finish(file, between, "p0", written(file))
    assert caught.value.file == str(own)


def test_a_key_behind_a_link_is_replaced_where_it_is(tmp_path):
    file, network = keyed(tmp_path)
    own = key_file(file, "p0")
    place = own.replace(tmp_path / "elsewhere.key")
    own.symlink_to(place)
    _, between = prepare(file, network, "p0")
    new = next_key_file(file, "p0").read_bytes()
    finish(file, between, "p0", written(file))
    assert own.is_symlink()
    assert place.read_bytes() == new


def test_out_of_order(tmp_path):
    file, network = keyed(tmp_path)
    with pytest.raises(InputError, match="no rotation of p0's key is on"):
        finish(file, network, "p0", written(file))
    _, between = prepare(file, network, "p0")
    with pytest.raises(InputError, match="is on already") as caught:
        prepare(file, between, "p0")
    assert "--finish" in caught.value.mend
    key_file(file, "p1").unlink()
    with pytest.raises(InputError, match="no such file"):
        prepare(file, network, "p1")
