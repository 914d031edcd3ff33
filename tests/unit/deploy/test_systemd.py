"""The unit of one peer, as text."""

from configparser import RawConfigParser

import pytest

from peer.deploy.systemd import listen_address, unit_text
from tests.unit.deploy.networks import small_network
from topology.errors import InputError


def unit(name="p0", **options):
    text = unit_text(small_network(), name, **({"listen": "[::]:7100"} | options))
    parsed = RawConfigParser(strict=False)  # systemd adds repeated keys up
    parsed.optionxform = str
    parsed.read_string(text)
    return parsed


def test_the_command_serves_the_peer_with_the_key_that_systemd_hands_over():
    service = unit()["Service"]
    assert service["ExecStart"] == (
        "/opt/difpeer/bin/difpeer serve --name p0 --network /etc/difpeer/network.yaml "
        "--data /var/lib/difpeer/data/p0 --state /var/lib/difpeer/state/p0 --listen [::]:7100 --key %d/p0.key"
    )
    assert service["LoadCredential"] == "p0.key:/etc/difpeer/keys/p0.key"
    assert "/var/lib/" + service["StateDirectory"] == "/var/lib/difpeer/state/p0"


def test_bad_input_is_not_tried_again_and_nothing_is_for_ever():
    parsed = unit()
    assert parsed["Service"]["Restart"] == "on-failure"
    assert parsed["Service"]["RestartPreventExitStatus"] == "2"
    assert int(parsed["Unit"]["StartLimitBurst"]) * int(parsed["Service"]["RestartSec"]) < int(
        parsed["Unit"]["StartLimitIntervalSec"]
    ), "else the limit is never reached"


def test_a_network_s_name_is_no_specifier():
    assert described("100% lab") == "100%% lab"


def described(name):
    """How the unit calls a network."""
    text = unit_text(small_network().model_copy(update={"name": name}), "p0", listen="[::]:7100")
    line = text.splitlines()[1]
    return line.removeprefix("Description=difpeer: peer p0 of the network ")


def test_a_network_s_name_takes_no_other_line_with_it():
    """A backslash at the end of a line joins the next one to it."""
    assert described("lab\\") == "lab/"
    assert described("C:\\lab $HOME 'a' \"b\"") == "C:/lab $HOME 'a' \"b\""


def test_an_interface_in_the_address_is_no_specifier():
    command = unit(listen="[fe80::1%eth0]:7100")["Service"]["ExecStart"]
    assert "--listen [fe80::1%%eth0]:7100 --key %d/p0.key" in command


def test_an_address_adds_no_line():
    with pytest.raises(InputError, match="--listen"):
        unit(listen="[fe80::1%e\nExecStartPre=touch x]:7100")


def test_a_peer_listens_everywhere_at_its_port_and_where_nobody_dials_it_for_this_machine_only():
    assert listen_address(small_network(), "p1") == "[::]:7101"
    assert listen_address(small_network(), "p2") == "127.0.0.1:7100"


@pytest.mark.parametrize("program", ["difpeer", "/opt/my env/difpeer", "/opt/%i/difpeer", "/opt/a\nb"])
def test_a_program_that_cannot_stand_in_a_unit(program):
    with pytest.raises(InputError, match="--program"):
        unit(program=program)


def test_an_address_that_is_none():
    with pytest.raises(InputError, match="--listen"):
        unit(listen="everywhere")


def test_a_peer_that_is_not_there():
    with pytest.raises(InputError, match="p9"):
        unit(name="p9")
