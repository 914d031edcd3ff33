"""``difpeer predict``: what a peer says of new rows of its own tasks."""

import csv
import sys
from pathlib import Path
from typing import Annotated, Any, TextIO

import numpy as np
import typer
from rich.table import Table

from peer.cli.options import JsonOption, new_file
from peer.cli.output import console, emit, say
from peer.data.local import Array, LocalData
from peer.data.new_rows import Rows, held_out_rows, read_new_rows
from peer.data.prediction import errors_of, predict
from peer.data.store import holders, read_peer
from peer.measure.run_folder import RunFolder, find_run, read_run_folder
from peer.state.durable import disk_errors
from topology.errors import InputError, name_hint

__all__ = ["app"]

app = typer.Typer(add_completion=False)

MOST_SHOWN = 20


@app.command(
    epilog="Example: difpeer predict runs/RUN --peer p0 --store data --data new.csv --out predicted.csv"
)
def run(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The folder of a finished run, or its id in ./runs.")
    ],
    peer: Annotated[str, typer.Option(metavar="NAME", help="The peer that has the tasks.")],
    store: Annotated[Path, typer.Option(help="The folder of `difpeer data`, with this peer's folder in it.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="New rows: .csv, .parquet or .npz, columns as they were. By default those held out."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A CSV file for the predictions; by default they go to stdout.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Predict targets from a run's basis and the peer's own data."""
    if out is not None:
        new_file(out, "--out")
    folder = read_run_folder(find_run(run))
    if peer not in folder.network.names:
        hint = name_hint(peer, folder.network.names)
        raise InputError(f"the run had no peer {peer!r}", file=folder.path, field="--peer", mend=hint)
    why = folder.summary.get("missing_peers", {}).get(peer)
    if why is not None:
        mend = "collect the run again with `difpeer run --attach RUN`"
        raise InputError(
            f"the run was collected without {peer} ({why})", file=folder.path, field="--peer", mend=mend
        )
    if not (store / peer).exists() and (store / "manifest.json").exists():
        raise InputError("is one peer's folder", file=store, field="--store", mend=f"give {store.parent}")
    local = read_peer(store / peer)
    rows = _rows(local, store, peer, data)
    predicted = predict(local, _basis(folder, peer, local), _ridge(folder), rows)
    document = _document(folder, peer, local, rows, predicted)
    if out is not None:
        with (
            disk_errors("cannot be written", out, field="--out"),
            out.open("w", encoding="utf-8", newline="") as file,
        ):
            _write(file, local, rows, predicted)
        document["file"] = str(out)
    emit(document, as_json, lambda: _print(document, local, rows, predicted))


def _rows(local: LocalData, store: Path, peer: str, data: Path | None) -> Rows:
    if data is not None:
        return read_new_rows(data, local, holders(store, but=peer))
    rows = held_out_rows(local)
    if rows is None:
        mend = "give new rows by --data FILE, or import with --holdout"
        raise InputError("no rows are held out", file=store / peer, field="--data", mend=mend)
    return rows


def _basis(folder: RunFolder, peer: str, local: LocalData) -> Array:
    U = np.asarray(folder.results[peer]["U"])
    if len(U) != local.dim:
        raise InputError(
            f"the peer's data have {local.dim} features, the run's basis has {len(U)} rows",
            file=folder.path,
            field="--store",
            mend="give the data that the run was made with",
        )
    return U


def _ridge(folder: RunFolder) -> float:
    coefficients = getattr(folder.spec, "coefficients", None)
    return 0.0 if coefficients is None else float(coefficients.ridge)


def _document(folder: RunFolder, peer: str, local: LocalData, rows: Rows, predicted: Array) -> dict[str, Any]:
    errors = errors_of(rows, predicted)
    return {
        "run_id": folder.summary["run_id"],
        "peer": peer,
        "target": None if local.preparation is None else local.preparation.target,
        "num_rows": len(predicted),
        "rmse": errors.rmse,
        "tasks": {
            local.task_ids[task]: {"num_rows": count, "rmse": rmse}
            for task, (count, rmse) in errors.tasks.items()
        },
        "predictions": predicted.tolist(),
        "file": None,
    }


def _write(file: TextIO, local: LocalData, rows: Rows, predicted: Array) -> None:
    writer = csv.writer(file, lineterminator="\n")
    known = rows.y is not None
    writer.writerow(("row", "task", "prediction", *(["target"] if known else [])))
    for number, (task, value) in enumerate(zip(rows.task, predicted, strict=True)):
        target = [repr(float(rows.y[number]))] if rows.y is not None else []
        writer.writerow((number + 1, local.task_ids[task], repr(float(value)), *target))


def _print(document: dict[str, Any], local: LocalData, rows: Rows, predicted: Array) -> None:
    if document["file"] is None:
        _write(sys.stdout, local, rows, predicted)
        if document["rmse"] is not None:
            say(f"RMSE over all rows: {document['rmse']:.4g}")
        return
    table = Table(
        title=f"{document['num_rows']:,} rows of {len(document['tasks'])} tasks at {document['peer']}"
    )
    table.add_column("task")
    for heading in ("rows", "RMSE"):
        table.add_column(heading, justify="right")
    shown = list(document["tasks"].items())[:MOST_SHOWN]
    for task_id, of_task in shown:
        rmse = "target not known" if of_task["rmse"] is None else f"{of_task['rmse']:.4g}"
        table.add_row(task_id, f"{of_task['num_rows']:,}", rmse)
    if len(document["tasks"]) > len(shown):
        table.add_row(f"and {len(document['tasks']) - len(shown)} more", "", "")
    console.print(table)
    if document["rmse"] is not None:
        say(f"RMSE over all rows: {document['rmse']:.4g}", console)
    say(f"predictions: {document['file']}", console)
