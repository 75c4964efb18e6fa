"""Deployments and StatefulSets alike: what keeps as many pods of a template as are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kubernetes.client import V1ObjectMeta, V1OwnerReference, V1Pod

from gameday.targets.kubernetes.api import MERGE, Api, NotFoundError, WorkloadKind

Controller = Any
"""A ``V1Deployment`` or ``V1StatefulSet``; the library publishes no types."""

_NAMES: Mapping[WorkloadKind, str] = {"deployment": "deployment", "statefulset": "stateful_set"}
"""How the library's functions call each; where both have the same name, the first is meant."""


def read(api: Api, namespace: str, kind: WorkloadKind, name: str) -> Controller:
    """Read one; raises ``NotFoundError`` when there is none."""
    with api.translated(f"reading {kind} {name}"):
        return getattr(api.apps, f"read_namespaced_{_NAMES[kind]}")(name, namespace)


def find(api: Api, namespace: str, name: str) -> tuple[WorkloadKind, Controller]:
    """Read the one of a name, of whichever kind; raises ``NotFoundError`` when there is neither."""
    for kind in _NAMES:
        try:
            return kind, read(api, namespace, kind, name)
        except NotFoundError:
            continue
    raise NotFoundError(
        f"namespace {namespace} has neither a Deployment nor a StatefulSet {name} (context {api.context})"
    )


def every(api: Api, namespace: str) -> tuple[tuple[WorkloadKind, Controller], ...]:
    """List all of a namespace."""
    found: list[tuple[WorkloadKind, Controller]] = []
    for kind, called in _NAMES.items():
        with api.translated(f"listing the {kind}s of {namespace}"):
            items = getattr(api.apps, f"list_namespaced_{called}")(namespace).items
        found += [(kind, each) for each in items]
    return tuple(found)


def by_name(api: Api, namespace: str) -> dict[str, Controller]:
    """List all of a namespace by their names, one each, as ``find`` does."""
    return {each.metadata.name: each for _, each in reversed(every(api, namespace))}


def learn_owners(api: Api, namespace: str, pods: Iterable[V1Pod]) -> None:
    """
    Note in ``api.owners`` which workload made each pod, by its owner references: names and labels may be anybody's.

    A Deployment's pods are owned by its ReplicaSets, which are listed when one of them is new. Raises ``TargetError``.
    """
    unknown = {pod.metadata.uid: _controller(pod.metadata) for pod in pods if api.owners.get(pod.metadata.uid) is None}
    if any(owner and owner.kind == "ReplicaSet" and owner.uid not in api.owners for owner in unknown.values()):
        with api.translated(f"listing the replica sets of {namespace}"):
            sets = api.apps.list_namespaced_replica_set(namespace).items
        for each in sets:
            owner = _controller(each.metadata)
            api.owners[each.metadata.uid] = ("deployment", owner.name) if owner and owner.kind == "Deployment" else None
    for uid, owner in unknown.items():
        if owner is not None and owner.kind == "StatefulSet":
            api.owners[uid] = ("statefulset", owner.name)
        else:
            api.owners[uid] = api.owners.get(owner.uid) if owner is not None else None


def _controller(metadata: V1ObjectMeta) -> V1OwnerReference | None:
    """Return which of Kubernetes' own workloads manages an object; another API group may have kinds of the same names."""
    return next(
        (
            each
            for each in metadata.owner_references or ()
            if each.controller and each.api_version.partition("/")[0] == "apps"
        ),
        None,
    )


def patch(api: Api, namespace: str, kind: WorkloadKind, name: str, body: Mapping[str, Any]) -> None:
    """Apply a merge patch to one; raises ``ConflictError`` when it names a version that has passed."""
    with api.translated(f"changing {kind} {name}"):
        getattr(api.apps, f"patch_namespaced_{_NAMES[kind]}")(name, namespace, body, _content_type=MERGE)
