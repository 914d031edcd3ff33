"""Ledgers as tests need them: collected ones whose rows can be changed, figures of peers' own ones."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from peer.measure.collect import merge
from peer.measure.compact import STORED
from peer.measure.figures import RunFigures, ledger_figures
from peer.measure.schema import TABLES


def loosen(path: Path) -> None:
    """Turn the views of a collected ledger into tables of the same rows."""
    with closing(sqlite3.connect(path)) as ledger, ledger:
        for table, columns in TABLES.items():
            body = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            ledger.execute(f"CREATE TABLE plain ({body})")
            ledger.execute(f"INSERT INTO plain SELECT * FROM {table}")
            ledger.execute(f"DROP VIEW {table}")
            ledger.execute(f"DROP TABLE {STORED}{table}")
            ledger.execute(f"ALTER TABLE plain RENAME TO {table}")
        ledger.execute("DROP TABLE names")


def joint_figures(parts: Iterable[str | Path]) -> RunFigures:
    """The figures of a run whose peers' ledgers are still apart."""
    with TemporaryDirectory(prefix="difpeer-") as scratch:
        together = Path(scratch) / "ledger.sqlite"
        merge(parts, together)
        return ledger_figures(together)
