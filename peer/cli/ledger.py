"""``difpeer ledger``: the rows of a run in other formats."""

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from peer.cli.options import JsonOption, new_file
from peer.cli.output import console, emit, say
from peer.data.folder import refuse_existing
from peer.measure.anatomy import read_rounds
from peer.measure.run_folder import find_run
from peer.measure.trace import write_trace
from peer.report.anatomy import Anatomy, read_anatomy
from peer.report.reading import Recorded, open_books, read_recorded
from peer.report.wording import listed
from peer.state.durable import disk_errors
from topology.errors import InputError

__all__ = ["app"]

INSTALL = "pip install pyarrow (a trace needs nothing more)"

app = typer.Typer(
    help="Take the rows of a run out of its ledger.",
    epilog="Example: difpeer ledger export runs/RUN --format parquet --out tables",
    no_args_is_help=True,
    add_completion=False,
)


class Format(StrEnum):
    """What an export may be."""

    CSV = "csv"
    PARQUET = "parquet"
    TRACE = "trace"


@app.callback()
def ledger() -> None:
    """Keep `export` a word of its own: typer leaves out the name of a single command."""


@app.command(epilog="Example: difpeer ledger export runs/RUN --format trace --rounds 400:500 --out run.json")
def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or the id of a run in ./runs.")],
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="csv, parquet: a file for each table. trace: Chrome's trace format, for Perfetto.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="PATH", help="A new folder for the tables; a new file for a trace.")
    ],
    rounds: Annotated[
        str | None,
        typer.Option(
            metavar="A:B",
            help="Of a trace, the rounds from A to B - 1. Perfetto becomes slow with millions of events; "
            "a round has about 6 for each peer and 8 for each edge.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the rows of a run as tables, or as a trace that Perfetto shows (ui.perfetto.dev)."""
    if rounds is not None and form is not Format.TRACE:
        raise InputError("only a trace is cut", field="--rounds", mend="leave it out, or give --format trace")
    folder = find_run(run)
    recorded = read_recorded(folder)
    if recorded.ledger is None:
        raise InputError(
            f"is a {recorded.summary.driver}, which has no ledger", file=folder, mend="give a run of peers"
        )
    if form is Format.TRACE:
        chosen = _rounds(rounds, recorded.summary.rounds)
        files, (events, doubt) = [out], _write_trace(recorded, recorded.ledger, out, chosen)
        told = f"{events} events of rounds {chosen.start} to {chosen.stop - 1}{doubt}"
    else:
        files = _write_tables(recorded.ledger, out, form)
        told = f"{len(files)} tables"
    document = {"run_id": recorded.summary.run_id, "format": form.value, "files": list(map(str, files))}
    emit(document, as_json, lambda: say(f"written: {out} ({told})", console))


def _write_tables(ledger: Path, out: Path, form: Format) -> list[Path]:
    refuse_existing(out, "--out")
    try:
        # pyarrow is an extra, and large: only what needs it loads it.
        from peer.measure.tables import write_tables
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "pyarrow":
            raise
        raise InputError(
            "CSV and Parquet are written by pyarrow, which is not installed", field="--format", mend=INSTALL
        ) from None
    with open_books(ledger) as books:
        return write_tables(books, out, "csv" if form is Format.CSV else "parquet")


def _write_trace(run: Recorded, ledger: Path, out: Path, rounds: range) -> tuple[int, str]:
    new_file(out, "--out")
    partial = out.with_name(f".{out.name}.partial")
    try:
        with (
            disk_errors("cannot be written", out, "give a file where you may write", field="--out"),
            open_books(ledger) as books,
        ):
            names = () if run.network is None else run.network.names
            times = read_anatomy(books, read_rounds(books, names), shared_clock=run.shared_clock)
            offsets = {} if times is None else times.offsets_ns
            with partial.open("w", encoding="utf-8") as file:
                count = write_trace(books, file, offsets, rounds)
            partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return count, "" if times is None else _doubt(times)


def _doubt(times: Anatomy) -> str:
    """Say which times are not where they belong: a trace has one offset for each peer."""
    if not times.consistent:
        return "; a clock was set or stood still: times of different peers are guesses"
    unknown = sorted(peer for peer, offset in times.offsets_ns.items() if offset is None)
    several = sorted(peer for peer, clocks in Counter(one.peer for one in times.clocks).items() if clocks > 1)
    text = ""
    if unknown:
        text = f"; nothing tells how the clocks of {listed(unknown)} differ: these begin with the others"
    if several:
        text += (
            f"; {listed(several)} had another clock before a new start: older times are not where they belong"
        )
    return text


def _rounds(text: str | None, of: int) -> range:
    if text is None:
        return range(of)
    first, colon, end = text.partition(":")
    if not colon or not all(part.isdecimal() for part in (first, end) if part):
        raise InputError(f"{text!r} is no range", field="--rounds", mend="give A:B, such as 400:500")
    chosen = range(int(first or 0), min(int(end or of), of))
    if not chosen:
        raise InputError(
            f"{text!r} has no round of this run", field="--rounds", mend=f"its rounds are 0:{of}"
        )
    return chosen
