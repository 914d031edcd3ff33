"""``difpeer deploy systemd``: one peer as a service of its machine."""

from pathlib import Path
from typing import Annotated, Any

import typer

from peer.cli.options import JsonOption
from peer.cli.output import console, emit, say
from peer.data.folder import new_folder, refuse_existing
from peer.deploy.places import CONFIG, data_folder
from peer.deploy.systemd import PROGRAM, SYSUSERS, USER, listen_address, unit_name, unit_text
from topology.errors import InputError
from topology.network import read_network

__all__ = ["systemd"]

_SYSUSERS_FILE = "difpeer.conf"


def systemd(
    network: Annotated[Path, typer.Option(help="The network file.")],
    name: Annotated[str, typer.Option(help="Which peer of the network the machine serves.")],
    out: Annotated[Path, typer.Option(help="The folder to write; it must not exist.")],
    listen: Annotated[
        str | None,
        typer.Option(
            help="host:port to listen at; by default all of the machine's addresses, at the port in the network file."
        ),
    ] = None,
    program: Annotated[str, typer.Option(help="Where difpeer is on that machine.")] = PROGRAM,
    as_json: JsonOption = False,
) -> None:
    """Write a unit that keeps one peer running, confined to its own files and sockets."""
    refuse_existing(out, "--out")
    read = read_network(network)
    try:
        read.index(name)
    except InputError as error:
        raise InputError(error.problem, file=network, field="--name", mend=error.mend) from None
    where = listen or listen_address(read, name)
    text = unit_text(read, name, listen=where, program=program)
    with new_folder(out) as folder:
        (folder / unit_name(name)).write_text(text, encoding="utf-8")
        (folder / _SYSUSERS_FILE).write_text(SYSUSERS, encoding="utf-8")
    document = {
        "folder": str(out),
        "unit": unit_name(name),
        "sysusers": _SYSUSERS_FILE,
        "listen": where,
        "needs": {
            "program": program,
            "network": f"{CONFIG}/network.yaml",
            "certificates": f"{CONFIG}/certs",
            "key": f"{CONFIG}/keys/{name}.key",
            "data": data_folder(name),
        },
    }
    emit(document, as_json, lambda: _print(document))


def _print(document: dict[str, Any]) -> None:
    folder, unit, needs = document["folder"], document["unit"], document["needs"]
    say(f"{folder}/{unit}: listens at {document['listen']}", console)
    say("on the machine, as root:", console)
    for line in (
        f"install -D -m 644 {folder}/{document['sysusers']} /etc/sysusers.d/{document['sysusers']} && systemd-sysusers",
        f"install -D -m 644 {folder}/{unit} /etc/systemd/system/{unit}",
        f"chown -R {USER}: {needs['data']} && chmod -R go= {needs['data']}",
        f"systemctl daemon-reload && systemctl enable --now {unit}",
    ):
        say(f"  {line}", console)
    say(
        f"it finds there {needs['program']}, {needs['network']} with certs/, {needs['key']} (root's, mode 600) and "
        f"{needs['data']}",
        console,
    )
