"""Objects of any kind, as manifests write them: look one up, apply it, remove it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gameday.targets.kubernetes.api import Api, NotFoundError
from gameday.targets.protocol import TargetError

MANAGER = "gameday"
"""Who the API server records as the owner of the fields that are applied."""
MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"
CONFINED: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""The security context of a container that needs nothing of its node."""

Object = dict[str, Any]
"""A Kubernetes object, as JSON has it."""

_PLURALS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "Namespace": "namespaces",
    "PersistentVolume": "persistentvolumes",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Secret": "secrets",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
}
_WITHIN_S = 15.0
"""How long one request may take; generous, because a fresh cluster's API server may be slow at first."""


def is_ours(found: Object) -> bool:
    """Return whether gameday made an object."""
    return bool((found["metadata"].get("labels") or {}).get(MANAGED_BY) == MANAGER)


def told(wanted: Mapping[str, Any]) -> str:
    """Name an object as kubectl does: ``deployment/web``."""
    return f"{wanted['kind'].lower()}/{wanted['metadata']['name']}"


def get(api: Api, wanted: Object) -> Object | None:
    """Return the object that bears a manifest's kind and name, None when there is none."""
    try:
        return _ask(api, "GET", wanted, f"reading {told(wanted)}")
    except NotFoundError:
        return None


def apply(api: Api, wanted: Object) -> bool:
    """
    See that an object is as a manifest says; return whether that changed anything. Idempotent.

    Raises:
        TargetError: There is one that gameday did not make.
    """
    before = get(api, wanted)
    if before is not None and not is_ours(before):
        where = wanted["metadata"].get("namespace")
        raise TargetError(
            f"{told(wanted)}{f' in namespace {where}' if where else ''} is there already and was not made by gameday,"
            f" so it is left alone; name a namespace of its own in the system file"
        )
    body = {**wanted, "metadata": {**wanted["metadata"], "labels": {**_labels(wanted), MANAGED_BY: MANAGER}}}
    after = _ask(api, "PATCH", wanted, f"applying {told(wanted)}", body=body)
    return before is None or _version(before) != _version(after)


def remove(api: Api, wanted: Object) -> bool:
    """Remove an object if gameday made it; return whether there was one. What belongs to it goes in the background."""
    found = get(api, wanted)
    if found is None or not is_ours(found):
        return False
    try:
        _ask(api, "DELETE", wanted, f"deleting {told(wanted)}", body={"propagationPolicy": "Background"})
    except NotFoundError:
        return False
    return True


def _version(found: Object) -> object:
    """Return what changes with what is asked for: of workloads the generation, because their status changes all the time."""
    return found["metadata"].get("generation") or found["metadata"]["resourceVersion"]


def _labels(wanted: Object) -> dict[str, str]:
    return dict(wanted["metadata"].get("labels") or {})


def _path(wanted: Object) -> str:
    version, metadata = wanted["apiVersion"], wanted["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    space = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{root}{space}/{_PLURALS[wanted['kind']]}/{metadata['name']}"


def _ask(api: Api, method: str, wanted: Object, doing: str, *, body: Object | None = None) -> Object:
    """Send one request about one object; a PATCH is a server-side apply that takes the fields it names from whoever had them."""
    client = api.core.api_client
    applies = method == "PATCH"
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/apply-patch+yaml" if applies else "application/json"
    with api.translated(doing):
        request = client.param_serialize(
            method,
            _path(wanted),
            query_params=[("fieldManager", MANAGER), ("force", "true")] if applies else [],
            header_params=headers,
            body=json.dumps(body) if applies else body,  # JSON is YAML
            auth_settings=["BearerToken"],
        )
        response = client.call_api(*request, _request_timeout=_WITHIN_S)
        response.read()
        answer: Object = client.response_deserialize(response, {"2XX": "object"}).data
    return answer
