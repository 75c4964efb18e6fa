"""
Remove the copies that Kubernetes makes of what undoes a fault.

The controller of Deployments writes their annotations on the ReplicaSet of the present template, where they stay; ``kubectl rollout undo`` to
that one would bring an undo back that is long done, and ``recover`` would do it again.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubernetes.client import V1ReplicaSet

from gameday.agent.pod.janitor import UNDO
from gameday.targets.kubernetes.api import MERGE, Api, NotFoundError
from gameday.targets.kubernetes.site import Site


def copies(api: Api, site: Site, needed: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the names of the ReplicaSets in the namespace with a copy, without those of the Deployments that still have the undo (``needed``)."""
    with api.translated(f"listing the replica sets of {site.namespace}"):
        found = api.apps.list_namespaced_replica_set(site.namespace).items
    kept = frozenset(needed)
    return tuple(
        each.metadata.name for each in found if UNDO in (each.metadata.annotations or {}) and not _owners(each) & kept
    )


def forget(api: Api, site: Site, needed: Iterable[str] = ()) -> None:
    """Remove these copies. Idempotent; raises ``TargetError``."""
    for name in copies(api, site, needed):
        try:
            with api.translated(f"changing replica set {name}"):
                body = {"metadata": {"annotations": {UNDO: None}}}
                api.apps.patch_namespaced_replica_set(name, site.namespace, body, _content_type=MERGE)
        except NotFoundError:
            continue


def _owners(found: V1ReplicaSet) -> frozenset[str]:
    return frozenset(owner.name for owner in found.metadata.owner_references or ())
