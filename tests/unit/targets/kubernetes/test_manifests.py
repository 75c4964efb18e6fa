"""The manifests that ship, and what a system file changes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from gameday.demo.settings import SETTINGS
from gameday.demo.toggles import SPREAD
from gameday.experiment.model import KindTarget
from gameday.targets.kubernetes.image import SHOP
from gameday.targets.kubernetes.manifests import MADE_OF, VARIANT, Wanted, node_ports, render, shipped, wanted
from gameday.targets.kubernetes.objects import Object
from samples import shop

CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding"}
PORTS = {"web": 30080, "pulse": 30081}


def made(
    *,
    namespace: str = "other",
    ports: Mapping[str, int] = PORTS,
    toggles: Mapping[str, bool] | None = None,
    query_s: float = 0.25,
) -> dict[tuple[str, str], Object]:
    """Render, and return each object under its kind and name."""
    objects = render(Wanted(namespace, ports, query_s, "abc", toggles or {}))
    found = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    assert len(found) == len(objects), "no object stands twice"
    return found


def target(**urls: str) -> KindTarget:
    """Return a cluster with these addresses."""
    return KindTarget(context="kind-gameday", namespace="shop", url=dict(urls))


def test_everything_goes_into_the_namespace_but_what_belongs_to_the_cluster() -> None:
    """Where whoever is bound to a role lives too."""
    for (kind, _), each in made().items():
        assert each["metadata"].get("namespace") == (None if kind in CLUSTER_WIDE else "other")
        assert {subject["namespace"] for subject in each.get("subjects", ())} <= {"other"}


def test_bindings_of_the_cluster_are_told_apart_by_namespace() -> None:
    """The one of another deployment must stay."""
    (name,) = (name for kind, name in made() if kind == "ClusterRoleBinding")
    assert name == "gameday-nodes-other"


def test_nothing_asks_for_more_than_the_least() -> None:
    """No privileged container, no wildcard in a role, no daemon on every node."""
    everything = made()
    text = json.dumps(list(everything.values()))
    assert '"privileged": true' not in text
    assert not {kind for kind, _ in everything} & {"DaemonSet", "CustomResourceDefinition"}
    for (kind, name), each in everything.items():
        if kind in {"Role", "ClusterRole"}:
            assert all("*" not in (*rule["verbs"], *rule["resources"]) for rule in each["rules"]), name


def test_pods_find_what_they_need() -> None:
    """Accounts, maps, roles and Services are made before the Deployments."""
    kinds = [each["kind"] for each in render(Wanted("other", {}, 0.5, "abc", {}))]
    assert max(index for index, kind in enumerate(kinds) if kind == "Service") < kinds.index("Deployment")
    assert kinds[0] == "ServiceAccount"


def test_only_services_with_a_port_are_seen_from_outside() -> None:
    """A port of the manifest that is not asked for is taken away: somebody else may have it."""
    services = {name: each["spec"] for (kind, name), each in made(ports={"web": 31000}).items() if kind == "Service"}
    assert services["web"]["type"] == "NodePort"
    assert services["web"]["ports"][0]["nodePort"] == 31000
    for name in services.keys() - {"web"}:
        assert services[name].get("type") == "ClusterIP"
        assert "nodePort" not in services[name]["ports"][0]


def test_pods_of_the_image_are_made_anew_with_it_and_know_how_long_a_query_takes() -> None:
    """Those of other images are left alone."""
    for (kind, name), each in made().items():
        if kind != "Deployment":
            continue
        template = each["spec"]["template"]
        ours = [one for one in template["spec"]["containers"] if one["image"] == SHOP.name]
        assert (template["metadata"].get("annotations", {}).get(MADE_OF) == "abc") == bool(ours), name
        for container in ours:
            texts = [one["value"] for one in container["env"] if one["name"] == SETTINGS]
            assert all(json.loads(text)["query_s"] == 0.25 for text in texts), name


@pytest.mark.parametrize(("spread", "replicas"), [(True, 2), (False, 1)])
def test_a_variant_without_two_replicas_begins_with_one(spread: bool, replicas: int) -> None:  # noqa: FBT001 - a toggle's value
    """Web is the one with two."""
    found = made(toggles={SPREAD: spread})
    assert found["Deployment", "web"]["spec"]["replicas"] == replicas
    assert json.loads(found["ConfigMap", VARIANT]["data"]["toggles"]) == {SPREAD: spread}


def test_without_toggles_every_mechanism_is_on() -> None:
    """An empty text means that."""
    found = made()
    assert found["ConfigMap", VARIANT]["data"]["toggles"] == ""
    assert found["Deployment", "web"]["spec"]["replicas"] == 2


def test_rendering_changes_nothing_of_what_ships() -> None:
    """The files are read anew each time."""
    before = list(shipped())
    made()
    assert list(shipped()) == before


def test_node_ports_are_those_of_the_addresses() -> None:
    """Another port, such as that of a proxy, is no NodePort; and one port leads to one service only."""
    system = shop()
    assert node_ports(system, target(web="http://127.0.0.1:30080", pulse="http://127.0.0.1:30081")) == PORTS
    assert node_ports(system, target(web="http://127.0.0.1:8080", pulse="http://127.0.0.1")) == {}
    one = KindTarget(context="kind-gameday", namespace="shop", url="http://127.0.0.1:30080")
    assert len(node_ports(system, one)) == 1


def test_the_system_file_says_how_long_a_query_takes() -> None:
    """And where everything goes."""
    system = shop()
    kind = system.targets.kind
    assert kind is not None
    asked = wanted(system, kind, made_of="abc", toggles={})
    assert (asked.namespace, asked.node_ports) == ("shop", PORTS)
    assert asked.query_s == system.origins["database"].query_s
