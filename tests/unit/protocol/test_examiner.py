from dataclasses import replace

from peer.protocol.examiner import CONFIG_DIGEST_BYTES, config_digest
from peer.protocol.records import RunRecord, RunState
from tests.support.problems import network_of
from topology.network import Network

EDGES = [("p0", "p1"), ("p1", "p2")]
RECORD = RunRecord("run-1", b'{"seed":1}', RunState.RUNNING, b"a", {"p0": b"a", "p1": b"b", "p2": b"c"})


def test_config_digest_is_of_all_that_must_be_equal():
    network = network_of(EDGES)
    digests = {
        config_digest(network, RECORD, 5),
        config_digest(network, RECORD, 6),
        config_digest(network, replace(RECORD, spec=b'{"seed":2}'), 5),
        config_digest(network, replace(RECORD, table={**RECORD.table, "p2": b"d"}), 5),
        config_digest(network_of([*EDGES, ("p0", "p2")]), RECORD, 5),
        config_digest(network_of([("p0", "p1"), ("p1", "p3")]), RECORD, 5),
        config_digest(network_of(EDGES, "lazy-metropolis"), RECORD, 5),
    }
    assert len(digests) == 7
    assert {len(digest) for digest in digests} == {CONFIG_DIGEST_BYTES}


def test_config_digest_leaves_out_what_may_differ():
    network = network_of(EDGES)
    elsewhere = network.model_dump(mode="json", exclude_none=True)
    elsewhere["peers"]["p0"]["address"] = "elsewhere:7400"
    moved = Network.model_validate(elsewhere)
    assert moved != network
    record = replace(RECORD, run="run-2", state=RunState.DONE, table=dict(reversed(RECORD.table.items())))
    assert config_digest(moved, record, 5) == config_digest(network, RECORD, 5)
