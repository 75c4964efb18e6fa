"""Cordon nodes and evict what they run of the system."""

from __future__ import annotations

from collections.abc import Iterator

from kubernetes.client import V1Pod

from gameday.targets.kubernetes.api import Api, NotFoundError
from gameday.targets.kubernetes.pods import services_of
from gameday.targets.kubernetes.site import Site
from gameday.targets.kubernetes.undo import Patch, Seen, Touched, hold, undo
from gameday.targets.protocol import Node, TargetError

_BUDGET = 429
"""The eviction API's answer when a disruption budget does not allow it now."""


def node_of(api: Api, site: Site, replica: str) -> str:
    """Read on which node a pod is; raises ``TargetError`` when it is gone, or on none yet."""
    with api.translated(f"reading pod {replica}"):
        found = api.core.read_namespaced_pod(replica, site.namespace)
    if not found.spec.node_name:
        raise TargetError(f"pod {replica} is on no node yet")
    return str(found.spec.node_name)


def node(api: Api, site: Site, name: str) -> Node:
    """Read a node, and which of the system's pods are there."""
    with api.translated(f"reading node {name}"):
        found = api.core.read_node(name)
    pods = {each.metadata.name: service for each, service in _pods(api, site, name)}
    return Node(name, not found.spec.unschedulable, dict(sorted(pods.items())))


def cordon(api: Api, site: Site, name: str, *, lease_s: float) -> None:
    """Let nothing new be put on a node, under a lease. Idempotent; each call extends it."""
    change = {"spec": {"unschedulable": True}}
    hold(api, site, Touched("node", name), fault="drain", lease_s=lease_s, change=change, before=_before)


def uncordon(api: Api, site: Site, name: str) -> None:
    """Let it be as it was before. Idempotent."""
    undo(api, site, Touched("node", name), fault="drain")


def evict(api: Api, site: Site, name: str, *, grace_s: float) -> None:
    """Ask each of the system's pods on a node to leave, as far as the disruption budgets allow now; call it again for the others."""
    for each, _ in _pods(api, site, name):
        if each.metadata.deletion_timestamp is None:
            _evict(api, site, each.metadata.name, grace_s=grace_s)


def _evict(api: Api, site: Site, pod: str, *, grace_s: float) -> None:
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": site.namespace},
        "deleteOptions": {"gracePeriodSeconds": round(grace_s)},
    }
    try:
        with api.translated(f"evicting pod {pod}"):
            api.core.create_namespaced_pod_eviction(pod, site.namespace, body)
    except NotFoundError:
        return
    except TargetError as error:
        if getattr(error.__cause__, "status", None) != _BUDGET:
            raise


def _pods(api: Api, site: Site, name: str) -> Iterator[tuple[V1Pod, str]]:
    """Yield the system's pods that can leave a node, and whose they are: their workloads start others elsewhere."""
    with api.translated(f"listing the pods on {name}"):
        found = api.core.list_namespaced_pod(site.namespace, field_selector=f"spec.nodeName={name}").items
    services = services_of(api, site, found)
    for each in found:
        if (of := services[each.metadata.uid]) and each.status.phase not in {"Succeeded", "Failed"}:
            yield each, of[0]


def _before(seen: Seen) -> Patch:
    return {"spec": {"unschedulable": True if seen.spec.get("unschedulable") else None}}
