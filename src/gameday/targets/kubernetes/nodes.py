"""Cordon nodes and evict what they run of the system."""

from __future__ import annotations

from collections.abc import Iterator

from kubernetes.client import V1Pod

from gameday.targets.kubernetes.api import Api, NotFoundError
from gameday.targets.kubernetes.endpoints import service_of
from gameday.targets.kubernetes.site import Site
from gameday.targets.kubernetes.undo import Patch, Seen, Touched, hold, undo
from gameday.targets.protocol import Node, TargetError

_BUDGET = 429
"""The eviction API's answer when a disruption budget does not allow it now."""
_STAYS = {"DaemonSet", "Node"}
"""Owners whose pods belong to a node: a DaemonSet's would come back at once, and a static pod has no other place."""


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
    pods = tuple(sorted(each.metadata.name for each in _pods(api, site, name)))
    return Node(name, not found.spec.unschedulable, pods)


def cordon(api: Api, site: Site, name: str, *, lease_s: float) -> None:
    """Let nothing new be put on a node, under a lease. Idempotent; each call extends it."""
    change = {"spec": {"unschedulable": True}}
    hold(api, site, Touched("node", name), fault="drain", lease_s=lease_s, change=change, before=_before)


def uncordon(api: Api, site: Site, name: str) -> None:
    """Let it be as it was before. Idempotent."""
    undo(api, site, Touched("node", name), fault="drain")


def evict(api: Api, site: Site, name: str, *, grace_s: float) -> None:
    """Ask each of the system's pods on a node to leave, as far as the disruption budgets allow now; call it again for the others."""
    for each in _pods(api, site, name):
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


def _pods(api: Api, site: Site, name: str) -> Iterator[V1Pod]:
    """Yield the system's pods that can leave a node: not what belongs to it, or what nothing would start again."""
    workloads = {part.name: part.workload for part in site.services.values()}
    with api.translated(f"listing the pods on {name}"):
        found = api.core.list_namespaced_pod(site.namespace, field_selector=f"spec.nodeName={name}").items
    for each in found:
        owners = {owner.kind for owner in each.metadata.owner_references or ()}
        is_over = each.status.phase in {"Succeeded", "Failed"}
        is_system = service_of(each.metadata.name, workloads) is not None
        if is_system and owners and not owners & _STAYS and not is_over:
            yield each


def _before(seen: Seen) -> Patch:
    return {"spec": {"unschedulable": True if seen.spec.get("unschedulable") else None}}
