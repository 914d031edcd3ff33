"""``difpeer deploy compose``: a network as containers on one machine."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from peer.cli.options import JsonOption
from peer.cli.output import console, emit, say
from peer.data.folder import new_folder, refuse_existing
from peer.data.manifest import MANIFEST
from peer.deploy.compose import JOB, JOBS, ComposeSetup, compose_document, key_folder, state_of
from peer.deploy.documents import yaml_documents
from peer.deploy.image import IMAGE, USER_ID, by_name, how_to_build
from peer.deploy.links import parse_links
from peer.deploy.material import Material, read_material, read_operator_keys, require_keys
from peer.identity.keys import write_secret
from topology.content import network_text
from topology.errors import InputError
from topology.network import Network, read_network

__all__ = ["compose"]


def compose(
    network: Annotated[Path, typer.Option(help="The network file, with certs/ and keys/ beside it.")],
    data: Annotated[Path, typer.Option(help="The folder with DIR/NAME of each peer.")],
    out: Annotated[Path, typer.Option(help="The folder to write; it must not exist.")],
    image: Annotated[
        str, typer.Option(help="Of the peers; those of operator and links are called after it.")
    ] = IMAGE,
    rate: Annotated[
        str | None,
        typer.Option(help="Of every link, in each direction, such as 5mbit; not limited by default."),
    ] = None,
    delay: Annotated[
        str | None, typer.Option(help="Of every link, one way, such as 20ms; the kernel has to have netem.")
    ] = None,
    link: Annotated[
        list[str] | None,
        typer.Option(
            metavar="P0,P1:rate=R,delay=D", help="Rate, delay or both of one link; can be repeated."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a docker-compose.yml: a container for each peer, with its own key, its own data and its own state."""
    refuse_existing(out, "--out")
    read = read_network(network)
    material = read_material(read, network)
    operator_keys = read_operator_keys(read, network)
    require_keys(
        read,
        network,
        material,
        mend="copy it here, or place the peers on machines of their own: deploy swarm, kubernetes, systemd",
    )
    user = _user()
    setup = ComposeSetup(
        image=image,
        user=f"{user[0]}:{user[1]}",
        data={name: _data_of(name, data, user) for name in read.names},
        operator=next(iter(operator_keys), None),
        links=parse_links(read, rate, delay, link or ()),
    )
    document = compose_document(read, setup)
    with new_folder(out) as folder:
        _fill(folder, by_name(read), material, operator_keys, user)
        (folder / "docker-compose.yml").write_text(yaml_documents([document]), encoding="utf-8")
    told = {
        "folder": str(out),
        "image": image,
        "operator": setup.operator,
        "services": list(document["services"]),
        "images": {
            found: how_to_build(image, found)
            for found in dict.fromkeys(service["image"] for service in document["services"].values())
        },
    }
    emit(told, as_json, lambda: _print(told))


def _user() -> tuple[int, int]:
    """Who runs the peers: whoever asks for it, but never root."""
    return (os.getuid(), os.getgid()) if os.getuid() != 0 else (USER_ID, USER_ID)


def _data_of(name: str, data: Path, user: tuple[int, int]) -> Path:
    folder = (data / name).resolve()
    if not (folder / MANIFEST).is_file():
        raise InputError(
            f"no data of {name}",
            file=data / name,
            field="--data",
            mend="give the folder that holds DIR/NAME of all peers",
        )
    for path in (folder, *folder.iterdir()):
        if not _readable(path, user):
            raise InputError(
                f"the containers' user {user[0]} cannot read it",
                file=path,
                mend=f"chmod -R o+rX {folder}, or chown -R {user[0]}:{user[1]} {folder}",
            )
    return folder


def _readable(path: Path, user: tuple[int, int]) -> bool:
    found = path.stat()
    owner, group, others = stat.S_IRUSR, stat.S_IRGRP, stat.S_IROTH
    right = owner if found.st_uid == user[0] else group if found.st_gid == user[1] else others
    return bool(found.st_mode & right)


def _fill(
    folder: Path,
    network: Network,
    material: Material,
    operator_keys: Mapping[str, str],
    user: tuple[int, int],
) -> None:
    public = folder / "network"
    (public / "certs").mkdir(parents=True)
    (public / "network.yaml").write_text(network_text(network), encoding="utf-8")
    for name, text in material.certificates.items():
        (public / "certs" / f"{name}.pem").write_text(text, encoding="ascii")
    for path in (public, *public.rglob("*")):
        # The containers' user is another one where root writes them: it has to read them whatever the umask.
        path.chmod(0o755 if path.is_dir() else 0o644)
    own: list[Path] = []
    for name, text in ({**material.keys, **operator_keys}).items():
        file = folder / key_folder(name) / f"{name}.key"
        write_secret(file, text.encode())
        own += [file.parent, file]
    for place in (JOBS, *map(state_of, network.names)):
        (folder / place).mkdir(parents=True)
        own.append(folder / place)
    if os.getuid() == 0:
        for path in own:
            os.chown(path, *user)


def _print(told: Mapping[str, Any]) -> None:
    folder = told["folder"]
    say(f"{folder}: {len(told['services'])} services", console)
    say("its images, where no registry has them; in difpeer's clone:", console)
    for line in told["images"].values():
        say(f"  {line}", console)
    say(f"then: cd {folder}; docker compose up --detach", console)
    if told["operator"] is None:
        say("no operator's key is on this machine: runs are submitted from elsewhere", console)
    else:
        say(
            f"a run: put its specification into {folder}/{JOBS}; docker compose run --rm {JOB} run run.yaml",
            console,
        )
