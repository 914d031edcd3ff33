"""Results of earlier runs are looked at when a peer starts."""

import logging

from peer.protocol.records import RunState
from peer.runtime.kept import look_at_results
from peer.runtime.store import FileStore
from peer.state.folder import StateFolder
from peer.state.runs import RunFiles
from tests.unit.runtime.nodes import until
from tests.unit.state.samples import PEER, checkpoint, kept


async def test_what_is_wrong_with_results_is_warned_of(tmp_path, caplog):
    with StateFolder(tmp_path, PEER) as folder:
        records = [kept(RunState.CLOSED, run=run).record for run in ("damaged", "missing", "sound")]
        for record in records:
            RunFiles(folder.runs, PEER, record.run).write_record(kept(RunState.CLOSED, run=record.run))
        for run in ("damaged", "sound"):
            RunFiles(folder.runs, PEER, run).write_checkpoint(checkpoint(4, run=run, final=True))
        damaged = folder.runs / "damaged" / "checkpoint-4"
        damaged.write_bytes(damaged.read_bytes()[:-1])
        store = FileStore(folder, records, {})
        try:
            with caplog.at_level(logging.WARNING, "difpeer"):
                stop = look_at_results(store, [record.run for record in records])
                await until(lambda: len(caplog.messages) == 2)
            stop()
        finally:
            store.close(5)
    first, second = caplog.messages
    assert first.startswith(f"the result of run damaged at {PEER} cannot be read: {damaged} is cut short")
    assert "the result of run missing is missing" in second
