"""Rate and delay of links, from the command line to the words of the container beside a peer."""

import pytest

from peer.deploy.links import Link, link_words, parse_links
from tests.unit.deploy.networks import small_network
from topology.errors import InputError

NETWORK = small_network()


def test_every_link_has_the_common_rate_unless_it_says_otherwise():
    links = parse_links(NETWORK, "5mbit", None, ["p2,p1:rate=1mbit,delay=50ms"])
    assert links == {("p0", "p1"): Link("5mbit"), ("p1", "p2"): Link("1mbit", "50ms")}


def test_a_link_keeps_what_it_does_not_say_itself():
    links = parse_links(NETWORK, "5mbit", "10ms", ["p0,p1:delay=50ms"])
    assert links["p0", "p1"] == Link("5mbit", "50ms")


def test_each_end_limits_what_it_sends():
    links = parse_links(NETWORK, None, None, ["p1,p2:rate=500kbit"])
    assert link_words("p0", links) == []
    assert link_words("p1", links) == ["p2:500kbit:-"]
    assert link_words("p2", links) == ["p1:500kbit:-"]


def test_a_delay_alone():
    assert link_words("p0", parse_links(NETWORK, None, "0.5s", [])) == ["p1:-:0.5s"]


@pytest.mark.parametrize(
    "rate", ["5", "5 mbit", "mbit", "0mbit", "5mbps", "-1mbit", "5mbit; reboot", "5mbit\n"]
)
def test_what_is_no_rate_is_refused(rate):
    with pytest.raises(InputError) as refused:
        parse_links(NETWORK, rate, None, [])
    assert refused.value.field == "--rate"


@pytest.mark.parametrize("delay", ["20", "ms", "20 ms", "1h"])
def test_what_is_no_delay_is_refused(delay):
    with pytest.raises(InputError) as refused:
        parse_links(NETWORK, None, delay, [])
    assert refused.value.field == "--delay"


@pytest.mark.parametrize(
    "link",
    ["p0,p1", "p0:rate=1mbit", "p0,p1:", "p0,p1:rate=1mbit,rate=2mbit", "p0,p1:loss=1", "p0,p1:rate=x"],
)
def test_what_is_no_link_is_refused(link):
    with pytest.raises(InputError) as refused:
        parse_links(NETWORK, None, None, [link])
    assert refused.value.field == "--link"


def test_a_link_that_the_network_has_not_is_refused_with_one_that_it_has():
    with pytest.raises(InputError, match=r"no neighbours.*did you mean 'p[01],p[12]'"):
        parse_links(NETWORK, None, None, ["p0,p2:rate=1mbit"])
