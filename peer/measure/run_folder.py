"""The folder of a finished run: summary, specification, network, ledger and every peer's result."""

import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peer.config import RunSpec
from peer.data.folder import new_folder
from peer.measure.collect import merge
from peer.measure.schema import open_ledger
from peer.measure.summary import VERSION
from peer.program import Array
from peer.registry import read_spec
from topology.errors import InputError
from topology.network import Network, read_network, write_network
from topology.yamlfile import dump_yaml

__all__ = [
    "LEDGER",
    "NETWORK",
    "RESULTS",
    "SPEC",
    "SUMMARY",
    "RunFolder",
    "find_run",
    "read_run_folder",
    "read_summary",
    "write_run_folder",
]

SUMMARY = "summary.json"
SPEC = "spec.yaml"
NETWORK = "network.yaml"
LEDGER = "ledger.sqlite"
RESULTS = "results"

RUNS = Path("runs")
"""Where `demo` and `run` write their folders by default."""

_MEND = "collect the run again"


@dataclass(frozen=True)
class RunFolder:
    """What a run left.

    Attributes
    ----------
    path : Path
        The folder.
    summary : dict
        As `peer.measure.summary.summarize` made it.
    spec : RunSpec
        What was asked for.
    network : Network
        On which network.
    results : mapping
        Arrays by peer and name: ``U``, and ``prepared``, the digest of the features that it holds for; ``B`` and
        ``task_ids`` where the peer's owner allows it. Without the summary's missing peers.
    """

    path: Path
    summary: dict[str, Any]
    spec: RunSpec
    network: Network
    results: Mapping[str, Mapping[str, Array]]

    @property
    def ledger(self) -> Path:
        """The ledger of all peers."""
        return self.path / LEDGER


def write_run_folder(
    path: str | Path,
    *,
    summary: Mapping[str, Any],
    spec: RunSpec,
    network: Network,
    results: Mapping[str, Mapping[str, Array]],
    ledgers: Iterable[str | Path],
) -> None:
    """Write a run folder; it is there whole or not at all.

    Parameters
    ----------
    path : str or Path
        The folder to make.
    summary : mapping
        Plain JSON values.
    spec : RunSpec
        What was asked for.
    network : Network
        On which network.
    results : mapping
        Arrays by peer and name.
    ledgers : iterable of str or Path
        The peers' ledgers of this run; they are copied.

    Raises
    ------
    InputError
        If the folder exists or cannot be written, or a ledger cannot be read.
    ValueError
        If a figure of the summary is not finite, or a result is no plain array.
    """
    with new_folder(Path(path)) as folder:
        text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
        (folder / SUMMARY).write_text(text + "\n", encoding="utf-8")
        dump_yaml(spec.model_dump(mode="json"), folder / SPEC)
        write_network(network, folder / NETWORK)
        merge(ledgers, folder / LEDGER)
        (folder / RESULTS).mkdir()
        for name, arrays in results.items():
            plain: dict[str, Any] = dict(arrays)  # mypy takes any array for savez' own keyword else
            if any(array.dtype.hasobject for array in arrays.values()):
                raise ValueError(f"{name}: results are plain arrays, without Python objects")
            np.savez(folder / RESULTS / f"{name}.npz", **plain)


def find_run(run: str) -> Path:
    """Find a run's folder.

    Parameters
    ----------
    run : str
        The folder, or the id of a run below ``./runs``.

    Returns
    -------
    Path
        An existing folder.

    Raises
    ------
    InputError
        If there is none.
    """
    for folder in (Path(run), RUNS / run):
        if folder.is_dir():
            return folder
    if Path(run).is_file():
        raise InputError("is a file", file=run, field="RUN", mend="give the run's folder")
    known = sorted((path.name for path in RUNS.glob("*") if (path / SUMMARY).is_file()), reverse=True)
    there = f"; in ./{RUNS} there are: {', '.join(known[:5])}" if known else ""
    raise InputError(
        "there is no such folder, and no run of this id in ./runs",
        file=run,
        field="RUN",
        mend=f"give the folder that `difpeer demo` or `run` printed{there}",
    )


def read_run_folder(path: str | Path) -> RunFolder:
    """Read what `write_run_folder` wrote.

    Parameters
    ----------
    path : str or Path
        The folder.

    Returns
    -------
    RunFolder
        All but the ledger in memory.

    Raises
    ------
    InputError
        If a part is missing, damaged, or of another version.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise InputError("there is no such folder", file=folder, mend="give a run's folder")
    network = read_network(folder / NETWORK)
    open_ledger(folder / LEDGER).close()
    summary = read_summary(folder / SUMMARY)
    missing = summary.get("missing_peers", {})
    return RunFolder(
        path=folder,
        summary=summary,
        spec=read_spec(folder / SPEC),
        network=network,
        results={
            name: _read_arrays(folder / RESULTS / f"{name}.npz")
            for name in network.names
            if name not in missing
        },
    )


def read_summary(path: str | Path) -> dict[str, Any]:
    """Read a summary document.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict
        Plain JSON values; its keys are not checked. The first summaries had no version: they are of version 1.

    Raises
    ------
    InputError
        If it is missing, no JSON object, or of another version.
    """
    path = Path(path)
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({error})", file=path, mend=_MEND) from error
    if not isinstance(summary, dict):
        raise InputError("is not a JSON object", file=path, mend=_MEND)
    found = summary.get("version", VERSION)
    if found != VERSION:
        newer = isinstance(found, int) and found > VERSION
        mend = "read it with a newer difpeer" if newer else "read it with the difpeer that wrote it"
        raise InputError(
            f"is a summary of version {found!r}, this program reads version {VERSION}",
            file=path,
            field="version",
            mend=mend,
        )
    return summary


def _read_arrays(path: Path) -> dict[str, Array]:
    try:
        # numpy leaves a damaged file open when it opened it itself
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"cannot be read ({error})", file=path, mend=_MEND) from error
