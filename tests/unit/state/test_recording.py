import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.protocol.messages import Reason, TombKind
from peer.protocol.records import RunRecord, RunState
from peer.state.container import Damaged
from peer.state.recording import KeptRecord, decode_record, encode_record
from tests.unit.state.samples import PEER, RUN, failed, kept

REASONS = st.none() | st.builds(Reason, st.sampled_from(TombKind), st.text(), st.text())
RECORDS = st.builds(
    RunRecord,
    st.just(RUN),
    st.binary(),
    st.sampled_from(RunState),
    st.binary(),
    st.dictionaries(st.text(), st.binary(), max_size=3),
    REASONS,
    st.text(),
    st.binary(),
)


@settings(deadline=None)
@given(RECORDS, st.dictionaries(st.text(), st.text(), max_size=2))
def test_all_of_a_record_comes_back(record, rests_on):
    before = KeptRecord(record, rests_on)
    after = decode_record(b"".join(encode_record(before, PEER)), PEER, RUN)
    assert after == before
    assert after.record.state is record.state
    assert list(after.record.table) == list(record.table)


def test_records_of_others_are_refused():
    data = b"".join(encode_record(kept(RunState.TOMB, reason=failed()), PEER))
    with pytest.raises(Damaged, match="of another peer: 'p0', not 'p1'"):
        decode_record(data, "p1", RUN)
    with pytest.raises(Damaged, match=f"of another run: '{RUN}', not 'b'"):
        decode_record(data, PEER, "b")
