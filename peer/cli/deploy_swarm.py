"""``difpeer deploy swarm``: a network as a stack of Docker Swarm."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from peer.cli.options import JsonOption
from peer.cli.output import console, emit, say
from peer.data.folder import new_folder, refuse_existing
from peer.deploy.documents import yaml_documents
from peer.deploy.image import IMAGE, USER_ID, by_name
from peer.deploy.material import read_material, require_keys
from peer.deploy.swarm import SwarmSetup, label_of, parse_places, stack_document
from peer.identity.keys import write_secret
from topology.content import network_text
from topology.errors import InputError
from topology.network import read_network

__all__ = ["swarm"]


def swarm(
    network: Annotated[Path, typer.Option(help="The network file, with certs/ and keys/ beside it.")],
    out: Annotated[Path, typer.Option(help="The folder to write; it must not exist.")],
    data: Annotated[
        Path,
        typer.Option(help="Folder on the swarm's machines: each holds DIR/NAME of the peers that run there."),
    ] = Path("/var/lib/difpeer/data"),
    image: Annotated[str, typer.Option(help="Of the peers, as the swarm's machines get it.")] = IMAGE,
    place: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=HOST",
            help="Machine of one peer; can be repeated. Others are placed by label difpeer.NAME=yes.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a stack for `docker stack deploy`: a service for each peer, with its secret, its volume and its place."""
    refuse_existing(out, "--out")
    read = read_network(network)
    material = read_material(read, network)
    require_keys(
        read,
        network,
        material,
        mend="copy it here: a swarm hands the keys out; where it must not have them: deploy systemd",
    )
    if not data.is_absolute():
        raise InputError(
            f"{data} is no absolute path", field="--data", mend="give the folder as the machines have it"
        )
    texts = {
        "network.yaml": network_text(by_name(read)),
        **{f"certs/{name}.pem": text for name, text in material.certificates.items()},
        **{f"keys/{name}.key": material.keys[name] for name in read.names},
    }
    files = {path: text.encode() for path, text in texts.items()}
    setup = SwarmSetup(image, str(data), parse_places(read, place or ()), files)
    document = stack_document(read, setup)
    with new_folder(out) as folder:
        for path, content in files.items():
            if path.startswith("keys/"):
                write_secret(folder / path, content)
            else:
                (folder / path).parent.mkdir(exist_ok=True)
                (folder / path).write_bytes(content)
        (folder / "stack.yaml").write_text(yaml_documents([document]), encoding="utf-8")
    told = {
        "folder": str(out),
        "image": image,
        "labels": {name: label_of(name) for name in read.names if name not in setup.places},
        "data": {name: f"{data}/{name}" for name in read.names},
    }
    emit(told, as_json, lambda: _print(told))


def _print(told: Mapping[str, Any]) -> None:
    labels, places = told["labels"], told["data"]
    first = next(iter(places))
    say(f"{told['folder']}: {len(places)} peers", console)
    say(f"each owner puts their data on the peer's machine, here {first}'s:", console)
    say(f"  cp -r data/{first} {places[first]}; chown -R {USER_ID}:{USER_ID} {places[first]}", console)
    if labels:
        name, label = next(iter(labels.items()))
        say(
            f"label the machine of each peer, here {name}'s: docker node update --label-add {label}=yes HOST",
            console,
        )
    say(f"then: docker stack deploy --compose-file {told['folder']}/stack.yaml lab", console)
