"""The report that a run leaves beside its results; a run never fails for it."""

from importlib.util import find_spec
from pathlib import Path

from peer.cli.output import console, err, say

__all__ = ["INSTALL", "add_report"]

INSTALL = "pip install plotly matplotlib"


def add_report(folder: Path, as_json: bool) -> None:
    """Write the report into a run's folder, and say where it is or why there is none.

    Parameters
    ----------
    folder : Path
        The run's folder, complete.
    as_json : bool
        Whether stdout belongs to a JSON document.
    """
    where = err if as_json else console
    if find_spec("plotly") is None:
        say(f"report: none, plotly is not installed; {INSTALL}, then difpeer report {folder}", where)
        return
    say("writing the report")
    say(_written(folder), where)


def _written(folder: Path) -> str:
    # Loaded after the run: the peers of a demo and their measuring shall not share the machine with it.
    from peer.report.reading import read_recorded
    from peer.report.series import read_series
    from peer.report.writing import REPORT, write_page

    try:
        recorded = read_recorded(folder)
        write_page(recorded, read_series(recorded), folder / REPORT)
    except ImportError as missing:
        return f"report: none, {missing.name} is not installed; {INSTALL}, then difpeer report {folder}"
    except Exception as error:  # the results are there and good, whatever the report met
        return f"report: none ({type(error).__name__}: {error}); the run folder is complete"
    return f"report: {folder / REPORT}"
