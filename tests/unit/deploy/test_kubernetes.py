"""Objects of Kubernetes: its own schemas take them, and no peer gets what is another's."""

import kubernetes_validate
import pytest
import yaml

from peer.deploy.documents import yaml_documents
from peer.deploy.kubernetes import in_cluster, kubernetes_objects
from tests.unit.deploy.networks import material, small_network
from topology.content import network_text
from topology.errors import InputError
from topology.network import Network
from topology.yamlfile import validate

VERSIONS = ("1.29", "1.33", kubernetes_validate.latest_version())


def objects(*keys):
    made = kubernetes_objects(small_network(), material(*keys), image="difpeer:1", namespace="lab")
    # As kubectl reads them.
    return list(yaml.safe_load_all(yaml_documents([*made.network, *made.keys, *made.peers])))


def of(kind, name=None, keys=("p0", "p1", "p2")):
    found = [o for o in objects(*keys) if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    return found if name is None else found[0]


def pod(name):
    return of("StatefulSet", name)["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_schemas_take_every_object(version):
    kinds = set()
    for made in objects("p0", "p1", "p2"):
        kubernetes_validate.validate(made, version, strict=True)
        kinds.add(made["kind"])
    assert kinds == {"ConfigMap", "Service", "Secret", "NetworkPolicy", "StatefulSet"}


def test_the_schemas_refuse_a_field_that_kubernetes_does_not_know():
    made = of("StatefulSet", "p0")
    made["spec"]["template"]["spec"]["containers"][0]["readOnly"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(made, VERSIONS[0], strict=True)


def test_every_peer_is_a_stateful_set_of_one_and_mounts_its_own_key_only():
    for name in ("p0", "p1", "p2"):
        made = of("StatefulSet", name)
        assert made["spec"]["replicas"] == 1
        secrets = [v["secret"]["secretName"] for v in pod(name)["volumes"] if "secret" in v]
        assert secrets == [f"{name}-key"]
        assert of("Secret", f"{name}-key")["stringData"] == {f"{name}.key": material(name).keys[name]}


def test_a_key_that_is_not_here_makes_no_secret_and_the_pod_waits_for_it():
    made = of("Secret", keys=("p1",))
    assert [o["metadata"]["name"] for o in made] == ["p1-key"]
    assert len(of("StatefulSet", keys=("p1",))) == 3


def test_the_network_file_has_the_names_of_the_pods_and_keeps_pins_and_operators():
    data = of("ConfigMap", "network")["data"]
    there = validate(Network, yaml.safe_load(data["network.yaml"]))
    given = small_network()
    assert there.peers["p2"].address == "p2-0.peers.lab.svc:7100"
    assert {n: e.key for n, e in there.peers.items()} == {n: e.key for n, e in given.peers.items()}
    assert (there.operators, there.edges) == (given.operators, given.edges)
    assert data["network.yaml"] == network_text(in_cluster(given, "lab"))
    assert {f"{name}.pem" for name in ("alice", "p0", "p1", "p2")} == set(data) - {"network.yaml"}


def test_the_names_of_the_pods_are_the_service_s():
    service, pods = of("Service", "peers"), of("StatefulSet", "p0")
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert pods["spec"]["serviceName"] == "peers"
    assert service["spec"]["selector"].items() <= pods["spec"]["template"]["metadata"]["labels"].items()


def test_every_file_of_the_config_map_is_where_serve_looks_for_it():
    (volume,) = (v for v in pod("p0")["volumes"] if v["name"] == "network")
    items = {item["key"]: item["path"] for item in volume["configMap"]["items"]}
    assert set(items) == set(of("ConfigMap", "network")["data"])
    assert items["p1.pem"] == "certs/p1.pem"
    (container,) = pod("p0")["containers"]
    command = container["command"]
    mounts = {m["name"]: m for m in container["volumeMounts"]}
    assert command[command.index("--network") + 1] == mounts["network"]["mountPath"] + "/network.yaml"
    assert command[command.index("--key") + 1] == mounts["key"]["mountPath"] + "/p0.key"
    # With a subPath a change of the ConfigMap would never arrive.
    assert not any("subPath" in mount for mount in mounts.values())


@pytest.mark.parametrize(("peer", "near"), [("p0", ["p1"]), ("p1", ["p0", "p2"]), ("p2", ["p1"])])
def test_only_neighbours_and_operators_are_let_in_and_only_neighbours_and_names_out(peer, near):
    policy = of("NetworkPolicy", peer)["spec"]
    assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == peer
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (rule,) = policy["ingress"]
    neighbours, operator = (selector["podSelector"] for selector in rule["from"])
    (expression,) = neighbours["matchExpressions"]
    assert expression == {"key": "app.kubernetes.io/instance", "operator": "In", "values": near}
    assert neighbours["matchLabels"]["app.kubernetes.io/component"] == "peer"
    assert operator["matchLabels"]["app.kubernetes.io/component"] == "operator"
    assert rule["ports"] == [{"port": 7100, "protocol": "TCP"}]
    out, names = policy["egress"]
    assert [selector["podSelector"] for selector in out["to"]] == [neighbours]
    assert {port["port"] for port in names["ports"]} == {53}


@pytest.mark.parametrize("name", ["p0", "p1", "p2"])
def test_containers_are_confined_as_the_restricted_profile_of_pod_security_wants_it(name):
    spec = pod(name)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in (*spec["containers"], *spec["initContainers"]):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]


def test_the_probes_ask_the_peer_s_health_with_its_own_key():
    (container,) = pod("p1")["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        command = container[probe]["exec"]["command"]
        assert command[:2] == ["difpeer", "health"]
        assert command[2:] == container["command"][2 : len(command)]


def test_the_pod_waits_for_its_data_before_the_peer_starts():
    (waiting,) = pod("p0")["initContainers"]
    (container,) = pod("p0")["containers"]
    assert "until [ -e /var/lib/difpeer/data/p0 ]" in waiting["command"][-1]
    assert container["command"][container["command"].index("--data") + 1] == "/var/lib/difpeer/data/p0"
    assert [m["name"] for m in waiting["volumeMounts"]] == ["home"], "no key, no certificates"


@pytest.mark.parametrize("namespace", ["", "Lab", "-lab", "lab.example", "x" * 64])
def test_a_namespace_that_cannot_be(namespace):
    with pytest.raises(InputError, match="cannot be a namespace"):
        in_cluster(small_network(), namespace)


@pytest.mark.parametrize("name", ["-p", "p-", "-"])
def test_a_peer_that_no_pod_can_be_called_as(name):
    network = validate(Network, {"name": "n", "peers": {name: {}, "q": {}}, "edges": [[name, "q"]]})
    with pytest.raises(InputError, match="a pod cannot be called"):
        in_cluster(network, "lab")
