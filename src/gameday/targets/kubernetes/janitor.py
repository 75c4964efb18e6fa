"""
Start and end the Job that undoes a change when nobody extends its lease any more: one per change, for as long as that lasts.

It may be started ahead of its change and wait, so that its pod's coming takes no processor time while something is measured.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from gameday.agent.pod.janitor import REFUSED, REHEARSAL
from gameday.agent.wire import JANITOR_PORT
from gameday.targets.kubernetes.api import Api, ConflictError, NotFoundError
from gameday.targets.kubernetes.diagnosis import explain, stuck, told_by_events
from gameday.targets.kubernetes.image import SHOP
from gameday.targets.kubernetes.manifests import apply_command
from gameday.targets.kubernetes.objects import COMPONENT, CONFINED, MANAGED_BY, MANAGER
from gameday.targets.kubernetes.site import Site
from gameday.targets.protocol import TargetError

RUN = "gameday.dev/run"
"""The label of everything that a run puts into a cluster."""
ACCOUNT = "gameday-janitor"
MOST_S = 7200
"""The Job is ended so long after its wait, whatever happens: longer than any run, which lasts ten minutes unless its file allows more."""
FIRST_S = 30
"""How long it waits for the annotation that names it; who has created it with a change writes that in the next instant, or is dead."""
SOON_S = 10.0
"""So long its pod may take to start: it takes one or two seconds, and this long a fault can wait for it."""
_LOOK_S, _READ_S = 0.1, 0.5
"""How often the Job is read until it runs, and how often its pods meanwhile."""
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
TOLERATIONS: tuple[Mapping[str, str], ...] = ({"key": CONTROL_PLANE, "operator": "Exists"},)
"""Where the only worker is drained, the control plane is left; elsewhere it is not preferred."""
RETRIES = 3
"""How often its pod is replaced when the node under it goes away."""


def start(api: Api, site: Site, *, path: str, spare: str | None) -> str:
    """
    Return the name of a Job that watches the object at an API ``path``: of the one that waits for it, or of a new one.

    A new one is returned when its pod is ready, a second or two later: it has tried its undo then, as a dry run. It is not on the node
    ``spare``, which is to be emptied; None spares none. One that waited is returned once by a process: it may have undone its change since and ended, which its status tells only seconds
    later. Raises ``TargetError`` when it does not start: a change that nobody would undo must not be made.
    """
    waiting = name_ahead(site, path)
    if waiting not in api.janitors and _is_waiting(api, site, waiting):
        api.janitors.add(waiting)
        return waiting
    name = f"gameday-janitor-{secrets.token_hex(4)}"
    _create(api, site, name, path=path, spare=spare, first_s=FIRST_S)
    try:
        await_pod(api, site, name, within_s=SOON_S)
    except TargetError:
        end(api, site, name)
        raise
    return name


def sample(site: Site) -> dict[str, Any]:
    """Return a Job as one is made for a change, to be tried."""
    path = f"/apis/apps/v1/namespaces/{site.namespace}/deployments/{REHEARSAL}"
    return _job(site, "gameday-janitor-rehearsal", path=path, spare=None, first_s=FIRST_S)


def prepare(api: Api, site: Site, *, path: str, first_s: int, spare: str | None = None) -> None:
    """Create the Job that a change of the object at an API ``path`` will need within ``first_s``; else it ends by itself. Idempotent."""
    with suppress(ConflictError):  # it is there already
        _create(api, site, name_ahead(site, path), path=path, spare=spare, first_s=first_s)


def await_pod(api: Api, site: Site, name: str, *, within_s: float) -> None:
    """
    Return when the pod of a Job is ready: then it has tried its undo.

    Raises:
        TargetError: It may not undo, its pod is refused or lacks its image, or it takes longer; the cluster's own reason stands first.
    """
    began_s = read_s = time.monotonic()
    while not _runs(api, site, name):
        now_s = time.monotonic()
        if now_s > read_s:
            read_s = now_s + _READ_S
            refusal = _refusal(api, site, name)
            if why := refusal or stuck(api, site.namespace, name, waited_s=now_s - began_s):
                next_ = _grant(site, why, undoes=bool(refusal))
                raise TargetError(
                    f"{why}; so nobody would undo the fault when gameday is gone, and nothing was changed; {next_}"
                )
        if now_s > began_s + within_s:
            said = "\n".join(_events(api, site, name))
            raise TargetError(
                f"what undoes a fault when gameday is gone did not start within {within_s:g} s (job {name} in namespace {site.namespace}); "
                f"it needs the account {ACCOUNT} and a pod of its own; {_grant(site, said, undoes=False)}\n{said}"
            )
        time.sleep(_LOOK_S)


def name_ahead(site: Site, path: str) -> str:
    """Return the name of the Job that waits for a run's change of the object at an API ``path``, the same in every process."""
    return f"gameday-janitor-{hashlib.sha256(f'{site.run} {path}'.encode()).hexdigest()[:8]}"


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


def _is_waiting(api: Api, site: Site, name: str) -> bool:
    """Return whether a Job is there and its first pod has not ended."""
    try:
        with api.translated(f"reading job {name}"):
            job = api.batch.read_namespaced_job(name, site.namespace)
    except NotFoundError:
        return False
    status = job.status
    ended = status.succeeded or status.failed or status.completion_time or job.metadata.deletion_timestamp
    return bool(status.active and not ended)


def _runs(api: Api, site: Site, name: str) -> bool:
    with api.translated(f"reading job {name}"):
        return bool(api.batch.read_namespaced_job(name, site.namespace).status.ready)


def _refusal(api: Api, site: Site, name: str) -> str:
    """Return what the API server refused when a Job's pod tried its undo; empty where it did not."""
    with api.translated(f"listing the pods of job {name}"):
        pods = api.core.list_namespaced_pod(site.namespace, label_selector=f"job-name={name}").items
    ended = (each.state.terminated for pod in pods for each in pod.status.container_statuses or ())
    return next((one.message or "its undo is refused" for one in ended if one and one.exit_code == REFUSED), "")


def _grant(site: Site, why: str, *, undoes: bool) -> str:
    """
    Return the next step: the command that gives the account its rights, those on nodes only where they are what is missing.

    What refuses otherwise is somebody's policy: for the change that ``undoes``, or else for the pod.
    """
    if not any(word in why for word in (" cannot ", "service account")):
        if undoes:
            return f"next: let the cluster admit that change by the account {ACCOUNT}"
        return f"next: let the namespace {site.namespace} have one more pod for it"
    names = ("janitor", "node-role") if '"nodes"' in why else ("janitor",)
    return f"next: {apply_command(site.context, site.namespace, *names)}"


def _events(api: Api, site: Site, name: str) -> Iterator[str]:
    yield from told_by_events(api, site.namespace, "Job", name)
    with api.translated(f"listing the pods of job {name}"):
        pods = api.core.list_namespaced_pod(site.namespace, label_selector=f"job-name={name}").items
    yield from explain(api, site.namespace, tuple(pods)).splitlines() if pods else ()


def _create(api: Api, site: Site, name: str, *, path: str, spare: str | None, first_s: int) -> None:
    with api.translated(f"creating job {name}"):
        job = _job(site, name, path=path, spare=spare, first_s=first_s)
        api.batch.create_namespaced_job(site.namespace, job)


def _job(site: Site, name: str, *, path: str, spare: str | None, first_s: int) -> dict[str, Any]:
    labels = {RUN: label(site.run), MANAGED_BY: MANAGER, COMPONENT: "janitor"}
    container = {
        "name": "janitor",
        "image": SHOP.name,
        "imagePullPolicy": "IfNotPresent",  # it is loaded into the nodes
        "command": ["python", "-P", "-m", "gameday.agent.pod.janitor", path, name, site.namespace, str(first_s)],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "64Mi"}},
        "securityContext": CONFINED,
        # it listens once it has tried its undo; nobody asks again after that
        "startupProbe": {"tcpSocket": {"port": JANITOR_PORT}, "periodSeconds": 1, "failureThreshold": 60},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "activeDeadlineSeconds": MOST_S + first_s,
            "backoffLimit": RETRIES,
            "ttlSecondsAfterFinished": 0,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": ACCOUNT,
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 1,
                    "affinity": {"nodeAffinity": _affinity(spare)},
                    "tolerations": list(TOLERATIONS),
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


def _affinity(spare: str | None) -> dict[str, Any]:
    """Return where a janitor goes: never to the node that is to be emptied, and to the control plane only where nothing else is left."""
    workers = {"matchExpressions": [{"key": CONTROL_PLANE, "operator": "DoesNotExist"}]}
    affinity: dict[str, Any] = {
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "preference": workers}]
    }
    if spare:
        off = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [spare]}
        terms = {"nodeSelectorTerms": [{"matchExpressions": [off]}]}
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = terms
    return affinity
