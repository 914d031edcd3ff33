"""``difpeer predict``: what a peer says of new rows of its own tasks."""

import csv
import sys
from pathlib import Path
from typing import Annotated, Any, TextIO

import numpy as np
import typer
from rich.table import Table

from peer.cli.options import JsonOption, new_file
from peer.cli.output import console, emit, err, say
from peer.data.local import Array, LocalData
from peer.data.new_rows import Rows, held_out_rows, read_new_rows
from peer.data.prediction import errors_of, predict, predict_alone, predict_by_mean, ridge_of
from peer.data.prepared import prepared_digest
from peer.data.store import holders, read_peer
from peer.measure.run_folder import RunFolder, find_run, read_run_folder
from peer.report.wording import plural
from peer.state.durable import disk_errors
from topology.errors import InputError, name_hint

__all__ = ["app"]

app = typer.Typer(add_completion=False)

MOST_SHOWN = 20

_OWN_DATA = (
    "give the data folder that the peer served in the run, or one that is standardised and coded alike"
)


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
    predicted = predict(local, _basis(folder, peer, local, store), ridge_of(folder.spec), rows)
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


def _basis(folder: RunFolder, peer: str, local: LocalData, store: Path) -> Array:
    U = np.asarray(folder.results[peer]["U"])
    if len(U) != local.dim:
        raise InputError(
            f"the peer's data have {local.dim} features, the run's basis has {len(U)} rows",
            file=folder.path,
            field="--store",
            mend=_OWN_DATA,
        )
    # Runs of older versions have no such digest.
    prepared = folder.results[peer].get("prepared")
    if prepared is not None and str(prepared) != prepared_digest(local):
        raise InputError(
            f"{peer}'s features have other names, or were prepared in another way, than those of the run: "
            "its basis does not hold for them",
            file=store / peer,
            field="--store",
            mend=_OWN_DATA,
        )
    return U


def _document(folder: RunFolder, peer: str, local: LocalData, rows: Rows, predicted: Array) -> dict[str, Any]:
    errors = errors_of(rows, predicted)
    alone, mean = errors_of(rows, predict_alone(local, rows)), errors_of(rows, predict_by_mean(local, rows))
    return {
        "run_id": folder.summary["run_id"],
        "peer": peer,
        "target": None if local.preparation is None else local.preparation.target,
        "num_rows": len(predicted),
        "rmse": errors.rmse,
        "rmse_alone": alone.rmse,
        "rmse_mean": mean.rmse,
        "tasks": {
            local.task_ids[task]: {
                "num_rows": count,
                "rmse": rmse,
                "rmse_alone": alone.tasks[task][1],
                "rmse_mean": mean.tasks[task][1],
            }
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
        target = [f"{rows.y[number]:.12g}"] if rows.y is not None else []
        writer.writerow((number + 1, local.task_ids[task], f"{value:.12g}", *target))


def _print(document: dict[str, Any], local: LocalData, rows: Rows, predicted: Array) -> None:
    """Print the errors; where the predictions go to stdout, beside it."""
    if document["file"] is None:
        _write(sys.stdout, local, rows, predicted)
        sys.stdout.flush()
    beside = err if document["file"] is None else console
    tasks = document["tasks"]
    table = Table(
        title=f"{plural(document['num_rows'], 'row')} of {plural(len(tasks), 'task')} at {document['peer']}"
    )
    table.add_column("task")
    for heading in ("rows", *(("RMSE", "alone", "mean") if rows.y is not None else ())):
        table.add_column(heading, justify="right")
    for task_id, of_task in list(tasks.items())[:MOST_SHOWN]:
        table.add_row(task_id, f"{of_task['num_rows']:,}", *_errors(of_task))
    if len(tasks) > MOST_SHOWN:
        table.add_row(f"and {len(tasks) - MOST_SHOWN} more", *[""] * (len(table.columns) - 1))
    table.add_section()
    table.add_row("all", f"{document['num_rows']:,}", *_errors(document))
    beside.print(table)
    if rows.y is None:
        say("targets not known: no errors", beside)
    else:
        say("alone: least squares of each task by itself; mean: of the task's rows for learning", beside)
        say(f"RMSE over all rows: {document['rmse']:.4g}", beside)
    if document["file"] is not None:
        say(f"predictions: {document['file']}", beside)


def _errors(part: dict[str, Any]) -> list[str]:
    errors = (part["rmse"], part["rmse_alone"], part["rmse_mean"])
    return [] if part["rmse"] is None else [f"{error:.4g}" for error in errors]
