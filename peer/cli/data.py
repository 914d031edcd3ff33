"""``difpeer data``: draw, import, divide and describe peers' local tasks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from peer.cli.groups import HintingGroup
from peer.cli.output import console, emit, say
from peer.data.describing import describe as describe_folder
from peer.data.describing import summarize
from peer.data.folder import refuse_existing
from peer.data.importing import ImportOptions, import_table
from peer.data.splitting import split as split_folder
from peer.data.store import PeerData, write_all
from peer.data.synthetic import synthesize
from peer.data.tables import names_in
from peer.report.wording import plural
from topology.errors import InputError
from topology.generators import peer_names
from topology.shipped import resolve_network

__all__ = ["app"]

MOST_NAMES = 12
MOST_PEERS_LISTED = 8

app = typer.Typer(
    cls=HintingGroup,
    help="Draw, import, divide and describe peers' local tasks.",
    epilog="Example: difpeer data synth --peers 3 --tasks 30 --dim 40 --samples 20 --rank 2 --out data",
    no_args_is_help=True,
    add_completion=False,
)

OutOption = Annotated[
    Path, typer.Option(help="The folder to write, DIR/<peer> for each peer; it must not exist.")
]
PeersOption = Annotated[int | None, typer.Option(help="Number of peers, named p0, p1, …")]
NetworkOption = Annotated[
    str | None, typer.Option(help="Peers of this network: a file, or a shipped name such as er8.")
]
HoldoutOption = Annotated[float, typer.Option(help="Part of each task's rows to hold out, 0 to below 1.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


@app.command(
    epilog="Example: difpeer data synth --peers 8 --tasks 80 --dim 60 --samples 24 --rank 3 --out data"
)
def synth(
    tasks: Annotated[int, typer.Option(help="Number of tasks T.")],
    dim: Annotated[int, typer.Option(help="Number of features d.")],
    samples: Annotated[
        str,
        typer.Option(metavar="N|LO:HI", help="Rows per task, or a range of which each task draws its own."),
    ],
    rank: Annotated[int, typer.Option(help="Dimension r of the shared subspace.")],
    out: OutOption,
    peers: PeersOption = None,
    network: NetworkOption = None,
    condition: Annotated[
        float | None, typer.Option(help="Condition number of the coefficients; by default they are Gaussian.")
    ] = None,
    noise: Annotated[float, typer.Option(help="Standard deviation of the noise in y.")] = 0.0,
    holdout: HoldoutOption = 0.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same tasks, whoever holds them.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Draw tasks that share a subspace: y = X U* b* + noise, X standard Gaussian."""
    refuse_existing(out, "--out")
    with _peers_of(network):
        drawn = synthesize(
            _names(peers, network),
            num_tasks=tasks,
            dim=dim,
            num_samples=_range(samples),
            rank=rank,
            condition=condition,
            noise=noise,
            holdout=holdout,
            seed=seed,
        )
    _write(out, drawn, as_json)


@app.command(
    "import",
    epilog="Example: difpeer data import exam.csv --task school --target score --one-hot sex,type "
    "--standardize --intercept --peers 8 --holdout 0.5 --seed 1 --out data",
)
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="A table: .csv (UTF-8, names first; commas, or semicolons and decimal commas), .parquet, .npz."
        ),
    ],
    out: OutOption,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="COL", help="Column that names the task, or several: shop,product; NPZ: by default task."
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="COL", help="Column to be predicted; NPZ: by default y.")
    ] = None,
    features: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="Features; by default all other columns, NPZ: X.")
    ] = None,
    without: Annotated[
        str, typer.Option(metavar="A,B,…", help="Columns that are no features, where --features names none.")
    ] = "",
    peer: Annotated[
        str | None,
        typer.Option(
            metavar="COL",
            help="Column that names the peer, 'Bad Homburg' as bad-homburg; NPZ: by default peer, if it is there.",
        ),
    ] = None,
    peers: Annotated[
        int | None, typer.Option(help="Deal the tasks to so many peers instead, named p0, p1, …")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(help="Deal them to the peers of this network: a file, or a shipped name such as er8."),
    ] = None,
    intercept: Annotated[bool, typer.Option("--intercept", help="Add a last feature that is 1.")] = False,
    standardize: Annotated[
        bool,
        typer.Option(
            "--standardize",
            help="Give each feature, indicators too, mean 0 and variance 1 over the rows for learning.",
        ),
    ] = False,
    one_hot: Annotated[
        str,
        typer.Option(
            metavar="A,B,…", help="Columns of which each level becomes a feature, 1 or 0; none is left out."
        ),
    ] = "",
    holdout: HoldoutOption = 0.0,
    seed: Annotated[int, typer.Option(help="Of the dealing and of the rows held out.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Make peers' tasks out of a table, one row per sample."""
    refuse_existing(out, "--out")
    options = ImportOptions(
        task=task,
        target=target,
        features=None if features is None else names_in(features),
        without=names_in(without),
        one_hot=names_in(one_hot),
        peer=peer,
        peers=None if peers is None and network is None else _names(peers, network),
        intercept=intercept,
        standardize=standardize,
        holdout=holdout,
        seed=seed,
    )
    with _peers_of(network):
        made = import_table(file, options, say)
    _write(out, made, as_json)


@app.command(epilog="Example: difpeer data split data --network lab.yaml --seed 1 --out data-lab")
def split(
    data: Annotated[Path, typer.Argument(metavar="DIR", help="A data folder.")],
    out: OutOption,
    peers: PeersOption = None,
    network: NetworkOption = None,
    seed: Annotated[int, typer.Option(help="Of the order in which the tasks are dealt.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Deal the tasks of a data folder to other peers."""
    refuse_existing(out, "--out")
    with _peers_of(network):
        dealt = split_folder(data, _names(peers, network), seed)
    _write(out, dealt, as_json)


@app.command(epilog="Example: difpeer data describe data")
def describe(
    data: Annotated[Path, typer.Argument(metavar="DIR", help="A data folder.")],
    as_json: JsonOption = False,
) -> None:
    """Check a data folder, and say what is in it."""
    document = describe_folder(data)
    emit(document, as_json, lambda: _print(document))


def _names(peers: int | None, network: str | None) -> tuple[str, ...]:
    if (peers is None) == (network is None):
        raise InputError("give one of --peers and --network", field="--peers", mend="such as --peers 8")
    if network is not None:
        return resolve_network(network).names
    assert peers is not None
    if peers < 1:
        raise InputError(f"{peers} peers", field="--peers", mend="give at least 1")
    return tuple(peer_names(peers))


@contextmanager
def _peers_of(network: str | None) -> Iterator[None]:
    """Let an error about the peers name the network that says who they are."""
    try:
        yield
    except InputError as error:
        if network is None or error.field != "peers":
            raise
        raise InputError(error.problem, file=network, field=error.field, mend=error.mend) from None


def _range(samples: str) -> int | tuple[int, int]:
    low, colon, high = samples.partition(":")
    try:
        return (int(low), int(high)) if colon else int(low)
    except ValueError:
        raise InputError(
            f"found {samples!r}", field="--samples", mend="give N or LO:HI, such as 10:30"
        ) from None


def _write(out: Path, peers: PeerData, as_json: bool) -> None:
    write_all(out, peers)
    document = summarize(out, peers)
    emit(document, as_json, lambda: _print(document))


def _print(document: dict[str, Any]) -> None:
    what = f"{plural(document['num_peers'], 'peer')}, {plural(document['num_tasks'], 'task')}"
    table = Table(title=f"{document['data']}: {what}")
    table.add_column("peer")
    for heading in ("tasks", "rows", "per task", "held out"):
        table.add_column(heading, justify="right")
    for name, peer in document["peers"].items():
        table.add_row(name, *_cells(peer))
    table.add_section()
    table.add_row("all", *_cells(document))
    console.print(table)
    if len(document["peers"]) <= MOST_PEERS_LISTED:
        for name, peer in document["peers"].items():
            say(f"{name} has {_some(peer['task_ids'])}", console)
    features = document["features"]
    say(f"dimension {document['dim']}: {_some(features)}", console)
    if document["preparation"] is not None:
        console.print(
            f"target: {document['preparation']['target']}, tasks: {document['preparation']['task']}"
        )
    rank = document["truth_rank"]
    console.print("truth: not known" if rank is None else f"truth: known, rank {rank}")
    for remark in document["remarks"]:
        say(f"Warning: {remark}", console)


def _some(names: list[str]) -> str:
    """Names, or the first of them and how many more there are."""
    if len(names) <= MOST_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[: MOST_NAMES - 2])} and {len(names) - MOST_NAMES + 2} more"


def _cells(part: dict[str, Any]) -> list[str]:
    low, high = part["num_samples"]["min"], part["num_samples"]["max"]
    per_task = str(low) if low == high else f"{low} to {high}"
    return [f"{part['num_tasks']:,}", f"{part['num_rows']:,}", per_task, f"{part['num_holdout_rows']:,}"]
