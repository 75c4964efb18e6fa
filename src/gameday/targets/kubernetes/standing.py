"""The demo system in a cluster, brought up and taken down: what was made is marked as such, and nothing else is ever removed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kubernetes.client import V1Node

from gameday.experiment.model import KindTarget, System
from gameday.targets.kubernetes import addons, deploy, objects, passwords
from gameday.targets.kubernetes.api import Api, open_api
from gameday.targets.kubernetes.guard import PREFIX, see_allowed
from gameday.targets.kubernetes.image import BASES, LOAD, SHOP
from gameday.targets.kubernetes.janitor import TOLERATIONS
from gameday.targets.kubernetes.keeper import kept
from gameday.targets.kubernetes.kind import Kind
from gameday.targets.kubernetes.manifests import VARIANT, node_ports, render, wanted
from gameday.targets.kubernetes.objects import Object
from gameday.targets.kubernetes.place import kind_of
from gameday.targets.kubernetes.ready import wait_ready
from gameday.targets.kubernetes.site import site_of
from gameday.targets.kubernetes.variant import switch
from gameday.targets.kubernetes.volume import FOLDER, named, node_of
from gameday.targets.protocol import TargetError

READY_S = 120.0
"""Every pod is ready within this: images are there, and the slowest, the database, makes itself in seconds."""
_ENDED_S = 120.0
_LOOK_S = 0.5
_PASSING = (
    "node.kubernetes.io/unschedulable",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/network-unavailable",
    "node.kubernetes.io/unreachable",
)
"""Taints of a node that is cordoned, or just comes up: it will run pods."""
_MADE_CLUSTER: Object = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "gameday-made-cluster", "namespace": "kube-system"},
}
"""Who finds this in a cluster may remove all of it."""


@dataclass(frozen=True, slots=True)
class Raised:
    """
    What is up now.

    Attributes:
        context: Of the kubeconfig.
        namespace: Where it is.
        variant: What its mechanisms are; None for none that has a name.
        urls: Where requests enter, by service.
        was_up: Nothing had to be made or changed for it.
    """

    context: str
    namespace: str
    variant: str | None
    urls: Mapping[str, str]
    was_up: bool


def raise_up(system: System, variant: str | None, *, keep: bool, progress: Callable[[str], None]) -> Raised:
    """
    See that the demo system is up in its namespace; safe to repeat.

    Args:
        system: The system.
        variant: One of its variants, for its pods to begin with; None when it has none.
        keep: Leave what is up already on the variant that it has.
        progress: Takes a few words for each step.

    Raises:
        ClaimError: The context is not allowed, or a run holds the namespace.
        TargetError: It could not be made, or is not ready in time.
    """
    kind = kind_of(system)
    see_allowed(kind)
    if kind.demo is None:
        raise TargetError(
            f"system {system.name} is no demo of gameday's: deploy it as you always do, then run experiments"
        )
    cluster = Kind(kind.context.removeprefix(PREFIX), progress) if kind.context.startswith(PREFIX) else None
    changed = cluster is not None and _created(cluster, kind)
    api = open_api(kind.context)
    changed |= _namespace(api, kind.namespace)
    with kept(system) as keeper:  # images are made when no run is disturbed by that
        made_of, loaded = _loaded(api, cluster) if cluster else ("", False)
        changed |= loaded
        before = toggles = _toggles(api, kind.namespace)
        if variant and not (before and keep):
            toggles = system.variants[variant]
        asked = wanted(system, kind, made_of=made_of, toggles=toggles)
        changed |= deploy.apply(api, asked)
        site = site_of(system, run=keeper.run)
        wait_ready(api, site, progress, within_s=READY_S)
        if toggles != before:
            switch(api, site, toggles, progress)  # those of its pods that were there before began with others
    urls = {service: url for service in node_ports(system, kind) if (url := kind.url_of(service))}
    deploy.reach(urls)
    return Raised(kind.context, kind.namespace, _name(system, toggles), urls, was_up=not changed)


def take_down(system: System, progress: Callable[[str], None]) -> tuple[str, ...]:
    """
    Remove what ``raise_up`` made: the namespace's objects, the namespace and the cluster, each only if it made that. Idempotent.

    Returns:
        What was removed, in words; nothing when nothing of it was there.

    Raises:
        ClaimError: The context is not allowed, or a run holds the namespace.
        TargetError: The cluster cannot be asked, or something resists.
    """
    kind = kind_of(system)
    see_allowed(kind)
    cluster = Kind(kind.context.removeprefix(PREFIX), progress) if kind.context.startswith(PREFIX) else None
    if cluster is not None:
        cluster.see_programs()
        if not cluster.exists():
            return ()
    api = open_api(kind.context)
    space = objects.get(api, _space(kind.namespace))
    if space is None:
        return _whole(api, cluster, kind)
    with kept(system):
        if whole := _whole(api, cluster, kind):
            return whole
        progress(f"removing the shop from namespace {kind.namespace}")
        folder = _data(api, kind.namespace)
        removed = _remove(api, system, kind, is_whole=objects.is_ours(space))
    if folder is not None and cluster is not None:
        cluster.remove(*folder)
    return removed


def _created(cluster: Kind, kind: KindTarget) -> bool:
    """See that there is the cluster; return whether it was made."""
    cluster.see_programs()
    with cluster.alone():
        if cluster.exists():
            return False
        cluster.create()
        api = open_api(kind.context)
        objects.apply(api, {**_MADE_CLUSTER, "data": {"namespace": kind.namespace}})
        addons.limit(api)
        return True


def _loaded(api: Api, cluster: Kind) -> tuple[str, bool]:
    """
    See that every node has the images of the pods that it may run; return what the first was made of, and whether any had to be loaded.

    A janitor may be on the control plane, too, where nothing else of gameday's is: its tolerations say so.
    """
    with api.translated("listing the nodes"):
        nodes = api.core.list_node().items
    with cluster.alone():
        made_of = cluster.build(SHOP)
        cluster.build(LOAD)
        loaded = cluster.load(SHOP.name, onto=nodes_for(nodes, TOLERATIONS))
        return made_of, cluster.load(LOAD.name, *BASES, onto=nodes_for(nodes, ())) or loaded


def nodes_for(nodes: Iterable[V1Node], tolerations: Iterable[Mapping[str, str]]) -> set[str]:
    """Return the names of the nodes whose lasting taints pods with these tolerations of keys bear; a cordon passes."""
    keys = {*_PASSING, *(each["key"] for each in tolerations)}
    return {
        node.metadata.name
        for node in nodes
        if all(taint.key in keys for taint in node.spec.taints or () if taint.effect in {"NoSchedule", "NoExecute"})
    }


def _whole(api: Api, cluster: Kind | None, kind: KindTarget) -> tuple[str, ...]:
    """Remove the whole cluster, if gameday made it and no other system of its is in it."""
    if cluster is None or objects.get(api, _MADE_CLUSTER) is None:
        return ()
    with api.translated("listing the namespaces"):
        ours = api.core.list_namespace(label_selector=f"{objects.MANAGED_BY}={objects.MANAGER}").items
    if any(each.metadata.name != kind.namespace for each in ours):
        return ()
    with cluster.alone():
        cluster.delete()
    return (f"cluster {cluster.name}",)


def _namespace(api: Api, namespace: str) -> bool:
    """See that there is the namespace; one that was there before stays unmarked, and so is never removed."""
    space = _space(namespace)
    found = objects.get(api, space)
    if found is not None and found["status"].get("phase") == "Terminating":
        _until_gone(api, space)
        found = None
    return found is None and objects.apply(api, space)


def _remove(api: Api, system: System, kind: KindTarget, *, is_whole: bool) -> tuple[str, ...]:
    """Remove the namespace if it was made, else what was made in it; and what was made for it outside."""
    asked = wanted(system, kind, made_of="", toggles={})
    rendered = render(asked)
    outside = [each for each in rendered if each["kind"] == "ClusterRoleBinding"] + [named(kind.namespace)]
    secret = passwords.fresh(kind.namespace)
    inside = [each for each in rendered if "namespace" in each["metadata"]] + [passwords.schema(secret), secret]
    removed = []
    if is_whole:
        objects.remove(api, _space(kind.namespace))
        _until_gone(api, _space(kind.namespace))
        removed.append(f"namespace {kind.namespace}")
    else:
        removed += [objects.told(each) for each in reversed(inside) if objects.remove(api, each)]
        for each in inside:
            _until_gone(api, each)
    removed += [objects.told(each) for each in outside if objects.remove(api, each)]
    removed += [objects.told(each) for each in rendered if each["kind"] == "ClusterRole" and _unused(api, each)]
    return tuple(removed)


def _unused(api: Api, role: Object) -> bool:
    """Remove the ClusterRole when no namespace is bound to it any more; return whether it was."""
    with api.translated("listing the cluster role bindings"):
        bindings = api.rbac.list_cluster_role_binding().items
    if any(each.role_ref.name == role["metadata"]["name"] for each in bindings):
        return False
    return objects.remove(api, role)


def _data(api: Api, namespace: str) -> tuple[str, str] | None:
    """Return the node and the folder that hold the database's data, where gameday made the volume."""
    volume = objects.get(api, named(namespace))
    secret = objects.get(api, passwords.fresh(namespace))
    if volume is None or secret is None or not objects.is_ours(volume):
        return None
    return node_of(volume), f"{FOLDER}/{passwords.folder(secret)}"


def _toggles(api: Api, namespace: str) -> Mapping[str, bool]:
    """Return the mechanisms that pods begin with; none where nothing is up."""
    name = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": VARIANT, "namespace": namespace}}
    found = objects.get(api, name)
    if found is None:
        return {}
    return {str(key): bool(value) for key, value in json.loads(found["data"]["toggles"] or "{}").items()}


def _name(system: System, toggles: Mapping[str, bool]) -> str | None:
    return next((name for name, declared in system.variants.items() if declared == toggles), None)


def _space(namespace: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}


def _until_gone(api: Api, wanted: Object) -> None:
    until_s = time.monotonic() + _ENDED_S
    while objects.get(api, wanted) is not None:
        if time.monotonic() > until_s:
            raise TargetError(f"{objects.told(wanted)} is still being deleted after {_ENDED_S:g} s; kubectl get ns")
        time.sleep(_LOOK_S)
