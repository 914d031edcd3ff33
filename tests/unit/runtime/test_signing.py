"""Whose run or request it is, whoever brings it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from peer.identity.issuing import issue_one
from peer.protocol.messages import Offer
from peer.runtime.access import Loopback, Secured
from peer.runtime.credentials import Credentials
from peer.runtime.signing import signed, signer
from peer.wire.control import CANCEL, STATUS, SUBMIT
from peer.wire.requests import CancelRequest, StatusRequest, SubmitRequest
from tests.unit.identity.rings import keyed
from topology.network import write_network

RUN = SubmitRequest("p1", "run-1", b"{}")


@pytest.fixture
def site(tmp_path):
    """A network file with keys, and what p1 and alice know."""
    file, network = keyed(tmp_path)
    return file, network, Credentials(file, name="p1"), Credentials(file)


def is_operators(method, request, known):
    return signer(method, request, known.of_operator(request.operator)) is not None


def offered(request):
    return Offer(request.run, request.spec, request.operator, request.signature)


def test_a_run_is_its_operators_whichever_peer_was_asked(site):
    _, _, peer, alice = site
    for asked in ("p0", "p1", ""):
        submitted = signed(SUBMIT, replace(RUN, peer=asked), alice.known.identity)
        assert submitted.operator == "alice"
        assert is_operators(SUBMIT, submitted, peer.known)
        assert Secured(peer).unsigned(offered(submitted)) is None


@pytest.mark.parametrize(
    "changed", [{"run": "run-2"}, {"spec": b"[]"}, {"operator": "bob"}, {"operator": ""}, {"signature": b""}]
)
def test_what_nobody_has_signed_is_nobodys(site, changed):
    _, _, peer, alice = site
    made_up = replace(signed(SUBMIT, RUN, alice.known.identity), **changed)
    assert not is_operators(SUBMIT, made_up, peer.known)
    assert "no operator in its network file has signed this run" in Secured(peer).unsigned(offered(made_up))


def test_a_peers_key_is_no_operators(site):
    _, _, peer, _ = site
    submitted = replace(signed(SUBMIT, RUN, peer.known.identity), operator="alice")
    assert not is_operators(SUBMIT, submitted, peer.known)


def test_whose_certificate_has_expired_submits_no_more(site):
    file, network, peer, alice = site
    issue_one(file, "alice", timedelta(seconds=-1))
    write_network(network, file)
    (expired,) = Credentials(file, name="p1").known.ring.certificates["alice"][1:]
    only = replace(peer.known.ring, certificates={**peer.known.ring.certificates, "alice": (expired,)})
    submitted = signed(SUBMIT, RUN, alice.known.identity)
    assert not is_operators(SUBMIT, submitted, replace(peer.known, ring=only))


def test_other_requests_are_for_one_peer_and_one_method(site):
    _, _, peer, alice = site
    request = signed(CANCEL, CancelRequest("p1", "run-1", "no"), alice.known.identity)
    assert is_operators(CANCEL, request, peer.known)
    assert is_operators(CANCEL, replace(request, hops=3), peer.known)
    assert not is_operators(CANCEL, replace(request, peer="p0"), peer.known)
    assert not is_operators(SUBMIT, replace(RUN, operator="alice", signature=request.signature), peer.known)


def test_a_request_for_the_peer_asked_needs_no_signature(site):
    *_, alice = site
    assert signed(STATUS, StatusRequest(""), alice.known.identity) == StatusRequest("")


def test_without_keys_everybody_may_submit():
    assert Loopback().signed(SUBMIT, RUN) == RUN
    assert Loopback().unsigned(offered(RUN)) is None
