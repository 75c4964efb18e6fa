"""Start and end the Job that undoes a change when nobody extends its lease any more: one per change, for as long as that lasts."""

from __future__ import annotations

import secrets
from typing import Any

from gameday.targets.kubernetes.api import Api, NotFoundError
from gameday.targets.kubernetes.objects import MANAGED_BY, MANAGER
from gameday.targets.kubernetes.site import IMAGE, Site

RUN = "gameday.dev/run"
"""The label of everything that a run puts into a cluster."""
ACCOUNT = "gameday-janitor"
MOST_S = 7200
"""The Job is ended after this, whatever happens: longer than any run, which lasts ten minutes unless its file allows more."""
RETRIES = 3
"""How often its pod is replaced when the node under it goes away."""


def start(api: Api, site: Site, *, path: str, spare: str | None) -> str:
    """
    Create the Job that watches the object at an API ``path``, and return its name; it runs a second or two later.

    It does not run on the node ``spare``, which is to be emptied; None spares none.
    """
    name = f"gameday-janitor-{secrets.token_hex(4)}"
    with api.translated(f"creating job {name}"):
        api.batch.create_namespaced_job(site.namespace, _job(site, name, path=path, spare=spare))
    return name


def end(api: Api, site: Site, name: str) -> None:
    """Remove a Job and its pod. Idempotent."""
    try:
        with api.translated(f"removing job {name}"):
            api.batch.delete_namespaced_job(name, site.namespace, propagation_policy="Background")
    except NotFoundError:
        return


def label(run: str) -> str:
    """Return a run's name as a label may have it: at most 63 characters that end with a letter or a digit."""
    return run[:63].rstrip("-_.")


def _job(site: Site, name: str, *, path: str, spare: str | None) -> dict[str, Any]:
    labels = {RUN: label(site.run), MANAGED_BY: MANAGER, "app.kubernetes.io/component": "janitor"}
    off = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [spare]}
    terms = [{"matchExpressions": [off]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    container = {
        "name": "janitor",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",  # it is loaded into the nodes
        "command": ["python", "-P", "-m", "gameday.agent.pod.janitor", path, name, site.namespace],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "activeDeadlineSeconds": MOST_S,
            "backoffLimit": RETRIES,
            "ttlSecondsAfterFinished": 0,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": ACCOUNT,
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 1,
                    "affinity": affinity if spare else {},
                    # where the only worker is drained, the control plane is left
                    "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}],
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 65532,  # nobody's, as in distroless images
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container],
                },
            },
        },
    }
