"""``difpeer deploy kubernetes``: a network as objects of Kubernetes."""

from pathlib import Path
from typing import Annotated, Any

import typer

from peer import __version__
from peer.cli.options import JsonOption
from peer.cli.output import console, emit, say
from peer.data.folder import new_folder, refuse_existing
from peer.deploy.documents import yaml_documents
from peer.deploy.kubernetes import kubernetes_objects
from peer.deploy.material import read_material
from peer.identity.keys import write_secret
from topology.network import read_network

__all__ = ["kubernetes"]


def kubernetes(
    network: Annotated[Path, typer.Option(help="The network file, with certs/ and keys/ beside it.")],
    out: Annotated[Path, typer.Option(help="The folder to write; it must not exist.")],
    image: Annotated[
        str, typer.Option(help="Where the cluster gets difpeer's image for peers.")
    ] = f"difpeer:{__version__}",
    namespace: Annotated[str, typer.Option(help="Of the cluster; one for each network.")] = "difpeer",
    as_json: JsonOption = False,
) -> None:
    """Write objects for `kubectl apply`: for each peer a StatefulSet with its own key, volume and rules of access."""
    refuse_existing(out, "--out")
    read = read_network(network)
    material = read_material(read, network)
    made = kubernetes_objects(read, material, image=image, namespace=namespace)
    with new_folder(out) as folder:
        (folder / "1-network.yaml").write_text(yaml_documents(made.network), encoding="utf-8")
        (folder / "3-peers.yaml").write_text(yaml_documents(made.peers), encoding="utf-8")
        if made.keys:
            write_secret(folder / "2-keys.yaml", yaml_documents(made.keys).encode())
    document = {
        "folder": str(out),
        "namespace": namespace,
        "image": image,
        "objects": len(made.network) + len(made.keys) + len(made.peers),
        "peers": list(read.names),
        "keys_elsewhere": [name for name in read.names if name not in material.keys],
    }
    emit(document, as_json, lambda: _print(document))


def _print(document: dict[str, Any]) -> None:
    space, first = document["namespace"], document["peers"][0]
    say(f"{document['folder']}: {document['objects']} objects", console)
    for name in document["keys_elsewhere"]:
        say(
            f"the key of {name} is not on this machine; where it is: kubectl -n {space} create secret generic "
            f"{name}-key --from-file={name}.key",
            console,
        )
    say(
        f"then: kubectl create namespace {space}; kubectl apply -f {document['folder']}; for each peer, here {first}:\n"
        f"  kubectl -n {space} cp -c await-data data/{first} {first}-0:/var/lib/difpeer/data/arriving\n"
        f"  kubectl -n {space} exec {first}-0 -c await-data -- mv /var/lib/difpeer/data/arriving "
        f"/var/lib/difpeer/data/{first}",
        console,
    )
