"""The command lines that do a run again."""

import shlex
from pathlib import Path

from peer.measure.run_folder import NETWORK, SPEC
from peer.report.reading import Recorded

__all__ = ["commands"]


def commands(run: Recorded) -> list[str]:
    """List them.

    Parameters
    ----------
    run : Recorded
        The run.

    Returns
    -------
    list of str
        Lines for a shell; those that begin with ``#`` tell what is not in the run folder.
    """
    if run.summary.command is not None:
        return [run.summary.command]
    if run.spec is None or run.network is None:
        return [f"# the folder has no {SPEC if run.spec is None else NETWORK}, which a command would need"]
    spec, network = (shlex.quote(str(Path(run.path.name) / name)) for name in (SPEC, NETWORK))
    lines = [
        "# DATA is the folder with one folder of data for each peer; it is not part of the run",
        f"difpeer simulate {spec} --network {network} --data DATA --exact",
    ]
    if run.summary.driver != "simulation":
        first = run.network.names[0]
        address = run.network.peers[first].address or "ADDRESS"
        lines += [
            "# or on a network: one such peer for each name",
            f"difpeer serve --name {first} --network {network} --data DATA/{first} --state STATE/{first} "
            "--insecure-loopback",
            f"difpeer run {spec} --via {shlex.quote(address)} --insecure-loopback",
        ]
    return lines
