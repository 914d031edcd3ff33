"""A network as objects of Kubernetes.

Each peer is a StatefulSet with one replica, not a replica of one StatefulSet for all. All pods of a StatefulSet have
the same template, so each of them would mount the keys of all; and a peer *is* its key. This way a pod holds its own
key and no other one, and peers can be stopped, moved and given resources one by one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peer.deploy.image import KEYS, USER_ID, key_place
from peer.deploy.material import Material
from peer.deploy.places import CONFIG, LISTEN, NETWORK_FILE, PORT, data_folder, state_folder
from topology.content import network_text
from topology.errors import InputError
from topology.network import Network

__all__ = ["KubernetesObjects", "cluster_address", "in_cluster", "kubernetes_objects"]

Object = dict[str, Any]

SERVICE = "peers"
"""The headless Service under which the pods have their names."""

HOME = "/var/lib/difpeer"
OPERATOR = "operator"
STORAGE = "5Gi"

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class KubernetesObjects:
    """What is applied, in this order.

    Attributes
    ----------
    network : sequence of dict
        The ConfigMap with network file and certificates, and the Service.
    keys : sequence of dict
        Secrets, of the peers whose keys are known here.
    peers : sequence of dict
        A NetworkPolicy and a StatefulSet for each peer.
    """

    network: Sequence[Object]
    keys: Sequence[Object]
    peers: Sequence[Object]


def cluster_address(name: str, namespace: str) -> str:
    """Return where a peer is reached in the cluster: its pod's own name, which stays when the pod moves."""
    return f"{name}-0.{SERVICE}.{namespace}.svc:{PORT}"


def in_cluster(network: Network, namespace: str) -> Network:
    """The same network with the addresses that its peers have in the cluster; pins and operators stay.

    Parameters
    ----------
    network : Network
        With any addresses or none.
    namespace : str
        Where the objects will be.

    Returns
    -------
    Network
        What goes into the ConfigMap.

    Raises
    ------
    InputError
        If the namespace or a peer's name is no label of DNS.
    """
    if not _LABEL.fullmatch(namespace):
        raise InputError(
            f"{namespace!r} cannot be a namespace",
            field="--namespace",
            mend="use up to 63 of the characters a-z, 0-9 and -, with a letter or digit at both ends",
        )
    for name in network.names:
        if not _LABEL.fullmatch(name):
            raise InputError(
                f"a pod cannot be called {name!r}",
                field=f"peers.{name}",
                mend="rename the peer: a letter or digit at both ends",
            )
    return network.with_addresses({name: cluster_address(name, namespace) for name in network.names})


def kubernetes_objects(
    network: Network, material: Material, *, image: str, namespace: str
) -> KubernetesObjects:
    """Make the objects of all peers.

    Parameters
    ----------
    network : Network
        The network; its addresses are replaced.
    material : Material
        Certificates of all, and the keys that are known here.
    image : str
        Where the cluster gets difpeer's image for peers.
    namespace : str
        One for each network: the objects are called as the peers.

    Returns
    -------
    KubernetesObjects
        Plain values, to be written as YAML.

    Raises
    ------
    InputError
        As :func:`in_cluster`.
    """
    placed = in_cluster(network, namespace)
    names = placed.names
    return KubernetesObjects(
        network=[_config(placed, material.certificates, namespace), _service(namespace)],
        keys=[_secret(name, key, namespace) for name, key in sorted(material.keys.items())],
        peers=[
            made
            for name in names
            for made in (
                _network_policy(name, placed.neighbours(name), namespace),
                _stateful_set(name, sorted(material.certificates), image, namespace),
            )
        ],
    )


def _meta(name: str, namespace: str, peer: str | None = None) -> Object:
    return {"name": name, "namespace": namespace, "labels": _labels(peer)}


def _labels(peer: str | None = None) -> Object:
    """Of all peers, or of one."""
    common = {"app.kubernetes.io/name": "difpeer", "app.kubernetes.io/component": "peer"}
    return common if peer is None else common | {"app.kubernetes.io/instance": peer}


def _config(network: Network, certificates: Mapping[str, str], namespace: str) -> Object:
    files = {f"{name}.pem": text for name, text in sorted(certificates.items())}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _meta("network", namespace),
        "data": {"network.yaml": network_text(network), **files},
    }


def _service(namespace: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(SERVICE, namespace),
        "spec": {
            "clusterIP": "None",
            "selector": _labels(),
            # A peer is ready when it listens; its neighbours need its name before that, or all wait for all.
            "publishNotReadyAddresses": True,
            "ports": [{"name": "grpc", "port": PORT}],
        },
    }


def _key_name(peer: str) -> str:
    return f"{peer}-key"


def _secret(peer: str, key: str, namespace: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _meta(_key_name(peer), namespace, peer),
        "type": "Opaque",
        "stringData": {f"{peer}.key": key},
    }


def _network_policy(peer: str, neighbours: Sequence[str], namespace: str) -> Object:
    ours = [{"port": PORT, "protocol": "TCP"}]
    near = {
        "podSelector": {
            "matchLabels": _labels(),
            "matchExpressions": [
                {"key": "app.kubernetes.io/instance", "operator": "In", "values": list(neighbours)}
            ],
        }
    }
    operator = {
        "podSelector": {
            "matchLabels": {"app.kubernetes.io/name": "difpeer", "app.kubernetes.io/component": OPERATOR}
        }
    }
    names = [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _meta(peer, namespace, peer),
        "spec": {
            "podSelector": {"matchLabels": _labels(peer)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [near, operator], "ports": ours}],
            # Names are asked for anywhere: where a cluster's DNS is differs.
            "egress": [{"to": [near], "ports": ours}, {"ports": names}],
        },
    }


def _stateful_set(peer: str, certified: Sequence[str], image: str, namespace: str) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": _meta(peer, namespace, peer),
        "spec": {
            "serviceName": SERVICE,
            "replicas": 1,
            "selector": {"matchLabels": _labels(peer)},
            "template": {
                "metadata": {"labels": _labels(peer)},
                "spec": _pod(peer, certified, image),
            },
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "home"},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": STORAGE}},
                    },
                }
            ],
        },
    }


def _pod(peer: str, certified: Sequence[str], image: str) -> Object:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # A peer ends within 5 s of SIGTERM; one that is killed goes on from its state all the same.
        "terminationGracePeriodSeconds": 15,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            # kubelet gives the volumes and the key to this group.
            "fsGroup": USER_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": _labels()},
            }
        ],
        "initContainers": [_await_data(peer, image)],
        "containers": [_serve(peer, image)],
        "volumes": [
            # No subPath, so that a change of the ConfigMap arrives: pins are taken over while the peer runs.
            {"name": "network", "configMap": {"name": "network", "items": _items(certified)}},
            {"name": "key", "secret": {"secretName": _key_name(peer), "defaultMode": 0o400}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        ],
    }


def _items(certified: Sequence[str]) -> list[Object]:
    """Files of the volume: a ConfigMap's keys hold no slash."""
    certificates = [{"key": f"{name}.pem", "path": f"certs/{name}.pem"} for name in certified]
    return [{"key": "network.yaml", "path": "network.yaml"}, *certificates]


def _await_data(peer: str, image: str) -> Object:
    """The data are the owner's: they are copied into the volume, and a rename says that they are whole."""
    folder = data_folder(peer)
    script = (
        f"mkdir -p {HOME}/data\n"
        f"until [ -e {folder} ]; do\n"
        f'  echo "waiting for {folder}: copy {peer}\'s data into the volume, then rename them to this"\n'
        "  sleep 5\n"
        "done\n"
    )
    return {
        "name": "await-data",
        "image": image,
        "command": ["sh", "-c", script],
        "securityContext": _confined(),
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            # kubectl cp runs tar in it.
            "limits": {"memory": "128Mi"},
        },
        "volumeMounts": [{"name": "home", "mountPath": HOME}],
    }


def _serve(peer: str, image: str) -> Object:
    identity = ["--name", peer, "--network", NETWORK_FILE, "--key", key_place(peer)]
    identity += ["--listen", LISTEN]
    places = ["--data", data_folder(peer), "--state", state_folder(peer)]
    alive = {"exec": {"command": ["difpeer", "health", *identity]}, "timeoutSeconds": 10}
    return {
        "name": "peer",
        "image": image,
        "command": ["difpeer", "serve", *identity, *places],
        "ports": [{"name": "grpc", "containerPort": PORT}],
        "startupProbe": alive | {"periodSeconds": 5, "failureThreshold": 60},
        "readinessProbe": alive | {"periodSeconds": 30, "failureThreshold": 2},
        "livenessProbe": alive | {"periodSeconds": 30, "failureThreshold": 4},
        "securityContext": _confined(),
        "resources": {
            "requests": {"cpu": "250m", "memory": "256Mi"},
            # None for the processor: where it is used up, a peer stands still for parts of a tenth of a second, and
            # all its neighbours wait for it in each round.
            "limits": {"memory": "1Gi"},
        },
        "volumeMounts": [
            {"name": "home", "mountPath": HOME},
            {"name": "network", "mountPath": CONFIG, "readOnly": True},
            {"name": "key", "mountPath": KEYS, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
        ],
    }


def _confined() -> Object:
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
