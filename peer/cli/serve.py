"""``difpeer serve``: one long-lived peer."""

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from peer.runtime.loop import run
from peer.runtime.parent import end_with_parent
from peer.runtime.serve import Ready, ServeConfig, serve

__all__ = ["app"]

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: difpeer serve --name p0 --network lab.yaml --data data/p0 --state state/p0")
def serve_command(
    name: Annotated[str, typer.Option(envvar="DIFPEER_NAME", help="Which peer of the network this is.")],
    network: Annotated[
        Path, typer.Option(envvar="DIFPEER_NETWORK", help="The network file, the same at all peers.")
    ],
    data: Annotated[
        Path,
        typer.Option(
            envvar="DIFPEER_DATA", help="This peer's own folder, DIR/NAME as `difpeer data` writes it."
        ),
    ],
    state: Annotated[
        Path, typer.Option(envvar="DIFPEER_STATE", help="This peer's state folder; made where it is missing.")
    ],
    listen: Annotated[
        str | None,
        typer.Option(
            envvar="DIFPEER_LISTEN",
            help="host:port to listen at; by default the address in the network file.",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            envvar="DIFPEER_KEY",
            help="This peer's private key; by default keys/NAME.key beside the network file, where certs/ is, too.",
        ),
    ] = None,
    insecure_loopback: Annotated[
        bool, typer.Option("--insecure-loopback", help="Without TLS, between peers on this machine only.")
    ] = False,
    share_coefficients: Annotated[
        bool,
        typer.Option(
            "--share-coefficients", help="Let collected results hold this peer's task coefficients B."
        ),
    ] = False,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Answer Prometheus at http://HOST:PORT/metrics, without TLS; by default nowhere.",
        ),
    ] = None,
    metrics_exposed: Annotated[
        bool,
        typer.Option(
            "--metrics-exposed",
            help="Let --metrics be an address that other machines reach, such as 0.0.0.0.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the line that says it is ready as one JSON document.")
    ] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log lines as JSON on stderr.")] = False,
    with_parent: Annotated[
        bool,
        typer.Option("--with-parent", hidden=True, help="End when the process ends that started this one."),
    ] = False,
) -> None:
    """Serve one peer until SIGTERM or Ctrl-C: it keeps its data, and talks to its neighbours."""
    if with_parent:
        end_with_parent()
    config = ServeConfig(
        name=name,
        network=network,
        data=data,
        state=state,
        listen=listen,
        key=key,
        insecure_loopback=insecure_loopback,
        share_coefficients=share_coefficients,
        log_json=log_json,
        metrics=metrics,
        metrics_exposed=metrics_exposed,
    )
    run(serve(config, lambda ready: _print_ready(ready, as_json)))
    # The loop's handlers end with it: a second signal on the way out must not change the exit status.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _print_ready(ready: Ready, as_json: bool) -> None:
    line = (
        f"{ready.peer} serves at {ready.listen}, incarnation {ready.incarnation}, "
        f"{len(ready.neighbours)} neighbour{'' if len(ready.neighbours) == 1 else 's'}"
    )
    sys.stdout.write((json.dumps(asdict(ready)) if as_json else line) + "\n")
    sys.stdout.flush()
