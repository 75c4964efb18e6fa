"""Kill pods and change how many a Deployment or a StatefulSet has."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import chaosk8s
from chaosk8s.pod.actions import terminate_pods

from gameday.targets.kubernetes import controllers
from gameday.targets.kubernetes.api import Api, NotFoundError
from gameday.targets.kubernetes.pods import Pod, kind_of, made_for, pods_of
from gameday.targets.kubernetes.site import Part, Site
from gameday.targets.kubernetes.undo import Patch, Seen, Touched, Undo, amend, cost, hold, read, undo
from gameday.targets.protocol import TargetError, Workload

LEAST_GRACE_S = 1
"""
The grace period of a pod that is not to be asked: SIGTERM, and SIGKILL as soon as a kubelet does that, two seconds later.

With 0 the API server forgets the pod at once, and a kubelet that was letting it end already never hears that it shall hurry.
"""
CHOSEN_S, LOOK_S = 2.0, 0.02
"""How long the ReplicaSet's controller may take to choose the pod that it ends; it takes milliseconds, and a guess bounds it."""


def workload(api: Api, site: Site, service: str) -> Workload:
    """Read how many replicas a service is to have and has, and how many ready endpoints the Services that choose its pods have."""
    name = site.part(service).workload
    found = controllers.read(api, site.namespace, kind_of(api, site.namespace, name), name)
    with api.translated(f"listing the endpoints of {name}"):
        slices = api.discovery.list_namespaced_endpoint_slice(site.namespace).items
    uids = {
        each.target_ref.uid
        for piece in slices
        for each in piece.endpoints or ()
        if each.target_ref
        and each.target_ref.kind == "Pod"
        and (each.conditions is None or each.conditions.ready is not False)
    }
    pods_of(
        api, site, service
    )  # after the endpoints: whose pods those are is known then, also of one that has gone since
    endpoints = sum(service in made_for(api, site, uid) for uid in uids)
    return Workload(found.spec.replicas or 0, found.status.ready_replicas or 0, endpoints)


def scale(api: Api, site: Site, service: str, count: int, *, lease_s: float) -> None:
    """Give a service another number of replicas under a lease. Idempotent; each call extends it."""
    touched = _touched(api, site, site.part(service))
    hold(api, site, touched, fault="scale", lease_s=lease_s, change=_replicas(count), before=_before)


def unscale(api: Api, site: Site, service: str) -> None:
    """Give it the number before. Idempotent."""
    undo(api, site, _touched(api, site, site.part(service)), fault="scale")


def kill(
    api: Api,
    site: Site,
    service: str,
    replica: str,
    *,
    lease_s: float,
    grace_s: float,
    crash: Callable[[], None] | None,
) -> None:
    """
    Delete a pod of a service, giving it ``grace_s`` to end; with a lease, see to it that nothing takes its place for so long.

    Called again for a pod that is kept away, extend the lease. ``crash`` ends the pod's processes at once, or raises; it is called when
    what undoes it has been noted, and None where the pod is only asked to end.

    The controller prefers pods that are not ready to the one that is marked, so while other pods of the workload are
    kept away this one may be ending already, or be gone: no crash any more, but a shutdown. Nothing takes its place.
    """
    part = site.part(service)
    touched = _touched(api, site, part)
    if lease_s > 0:
        held = hold(api, site, touched, fault="kill", lease_s=lease_s, change={}, before=_before)
        if replica in held.pods:
            return
        if held.pods and not any(each.name == replica for each in _staying(api, site, service)):
            _take_place(api, site, touched, replica)
            _delete(api, site, replica, grace_s=grace_s)
            return
    there = _staying(api, site, service)
    if replica not in {each.name for each in there}:
        raise TargetError(f"pod {replica} is not there any more, or not one of {service}, so it cannot be killed")
    if lease_s > 0 and touched.kind == "statefulset":
        _see_last(part, there, replica)
    if crash is not None:
        crash()
        if lease_s > 0:
            _take_place(api, site, touched, replica)
    # What still runs is deleted before the number changes: a kubelet that ends it with the grace of its own file goes on with that.
    if not _delete(api, site, replica, grace_s=grace_s) and crash is None:
        raise TargetError(f"pod {replica} is not there any more, so it cannot be killed")
    if crash is None and lease_s > 0:
        _take_place(api, site, touched, replica)


def refuse_others(api: Api, site: Site, service: str) -> None:
    """Raise ``TargetError`` where the undo of another fault than a kill is outstanding on a service's workload."""
    touched = _touched(api, site, site.part(service))
    if (outstanding := read(api, site, touched).undo) is not None:
        outstanding.refuse_others(touched, site, "kill")


def revive(api: Api, site: Site, service: str) -> None:
    """Give a service of which pods were killed as many as it had. Idempotent."""
    undo(api, site, _touched(api, site, site.part(service)), fault="kill")


def path_of(api: Api, site: Site, service: str) -> str:
    """Return where the API has the workload of a service, which ``kill`` with a lease and ``scale`` change."""
    return _touched(api, site, site.part(service)).path(site.namespace)


def _touched(api: Api, site: Site, part: Part) -> Touched:
    return Touched(kind_of(api, site.namespace, part.workload), part.workload)


def _staying(api: Api, site: Site, service: str) -> list[Pod]:
    return [each for each in pods_of(api, site, service) if not each.terminating]


def _delete(api: Api, site: Site, pod: str, *, grace_s: float) -> bool:
    """Delete one pod through Chaos Toolkit's extension; tell whether it was there."""
    try:
        with api.translated(f"deleting pod {pod}"):
            deleted = terminate_pods(
                name_pattern=f"^{re.escape(pod)}$",
                all=True,
                grace_period=max(LEAST_GRACE_S, round(grace_s)),
                ns=site.namespace,
                secrets=_secrets(api, site),
            )
    except NotFoundError:
        return False
    return bool(deleted)


def _take_place(api: Api, site: Site, touched: Touched, pod: str) -> None:
    """
    Scale a workload down by one, so that nothing comes for this pod; of those that are there it goes first.

    First its name is written into the undo, then the pod is marked, then the number changes: wherever this process ends, what it has
    done is known.
    """
    amend(api, site, touched, change=lambda held: (replace(held, pods=(*held.pods, pod)), {}))
    with suppress(NotFoundError):  # it has gone: what came in its place is not ready, and goes first by that
        cost(api, site, pod)
    amend(api, site, touched, change=lambda held: (held, _replicas(_left(held))))
    until_s = time.monotonic() + CHOSEN_S
    while time.monotonic() < until_s and not _is_leaving(api, site, pod):
        time.sleep(LOOK_S)


def _see_last(part: Part, pods: Sequence[Pod], pod: str) -> None:
    """A StatefulSet has no choice whom it ends: raise ``TargetError`` unless this pod is its last one."""
    last = max((each.name for each in pods), key=lambda name: int(name.rpartition("-")[2]), default=None)
    if pod != last:
        raise TargetError(
            f"kill with down: the StatefulSet {part.workload} can only be without its last pod, {last or 'and has none'}, and not without {pod}"
        )


def _left(held: Undo) -> int:
    return max(0, int(held.patch["spec"]["replicas"]) - len(held.pods))


def _is_leaving(api: Api, site: Site, pod: str) -> bool:
    try:
        with api.translated(f"reading pod {pod}"):
            return api.core.read_namespaced_pod(pod, site.namespace).metadata.deletion_timestamp is not None
    except NotFoundError:
        return True


def _replicas(count: int) -> Patch:
    return {"spec": {"replicas": count}}


def _before(seen: Seen) -> Patch:
    return _replicas(int(seen.spec.get("replicas") or 0))


def _secrets(api: Api, site: Site) -> dict[str, object]:
    """
    Tell the extension which cluster is meant.

    It takes KUBECONFIG for the path of one file; where that is a list it finds none, and is given host and credentials instead.
    """
    if os.path.exists(chaosk8s.get_config_path()):  # noqa: PTH110 - asked as the extension asks it
        return {"KUBERNETES_CONTEXT": site.context}
    known = api.configuration
    given = {
        "KUBERNETES_HOST": known.host,
        "KUBERNETES_VERIFY_SSL": True if known.verify_ssl else None,
        "KUBERNETES_CA_CERT_FILE": known.ssl_ca_cert,
        "KUBERNETES_API_KEY": (known.api_key.get("BearerToken") or "").removeprefix(
            "Bearer "
        ),  # it puts that before by itself
        "KUBERNETES_CERT_FILE": known.cert_file,
        "KUBERNETES_KEY_FILE": known.key_file,
    }
    return {key: value for key, value in given.items() if value}
