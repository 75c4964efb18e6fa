"""Switch the demo system in a cluster between its variants, and bring it to the state in which every run begins."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping

from gameday.demo.toggles import SPREAD
from gameday.experiment.model import System
from gameday.targets.kubernetes.api import MERGE, Api, NotFoundError
from gameday.targets.kubernetes.manifests import VARIANT
from gameday.targets.kubernetes.pods import Pod, pods_of
from gameday.targets.kubernetes.ready import READY_S, wait_ready
from gameday.targets.kubernetes.site import Site
from gameday.targets.kubernetes.undo import cost
from gameday.targets.protocol import Target, TargetError

SWITCHED = "web"
"""The demo's service that has the mechanisms, and the routes to switch them."""
BEFORE = "gameday.dev/before"
"""The annotation of it that tells, while a run goes on, how everything was before."""
_ASK_S, _LOOK_S = 30.0, 0.2
"""How long a pod may take to warm the cache anew, and how often pods are looked at."""
_ORIGIN = "database"


def switch(api: Api, site: Site, toggles: Mapping[str, bool], progress: Callable[[str], None]) -> None:
    """Switch mechanisms in every pod, those that will come included, and wait until all are ready. Idempotent."""
    _patch(api, site, {"data": {"toggles": json.dumps(dict(toggles), sort_keys=True)}})
    _resize(api, site, 2 if toggles.get(SPREAD, True) else 1)
    wait_ready(api, site, progress)
    _tell(api, site, "config", dict(toggles))


def reset(api: Api, site: Site, system: System, target: Target, progress: Callable[[str], None]) -> None:
    """Begin afresh: pods on different nodes, nothing in the cache but the usual products, breakers closed."""
    _spread(api, site)
    wait_ready(api, site, progress)
    for name, service in system.services.items():
        if service.kind == "redis" and service.disposable:
            target.empty_cache(name, None)
    _tell(api, site, "reset", {"warm": _hot(system)})


def note(api: Api, site: Site) -> None:
    """Write down how everything is, so that anybody can bring that back; what is noted already is the truth. Idempotent."""
    text, before = _read(api, site)
    if before is None:
        _patch(api, site, {"metadata": {"annotations": {BEFORE: text}}})


def put_back(api: Api, site: Site, system: System, progress: Callable[[str], None]) -> bool:
    """Bring back what ``note`` has written down, and return whether there was anything. Idempotent."""
    text, before = _read(api, site)
    if before is None:
        return False
    if before != text:
        switch(api, site, _toggles(before) or _usual(system), progress)
    _patch(api, site, {"metadata": {"annotations": {BEFORE: None}}, "data": {"toggles": before}})
    return True


def _read(api: Api, site: Site) -> tuple[str, str | None]:
    """Return what pods begin with, and what they began with before the run, as text."""
    try:
        with api.translated(f"reading config map {VARIANT}"):
            found = api.core.read_namespaced_config_map(VARIANT, site.namespace)
    except NotFoundError as error:
        raise _not_up(site) from error
    return (found.data or {}).get("toggles") or "", (found.metadata.annotations or {}).get(BEFORE)


def _patch(api: Api, site: Site, body: Mapping[str, object]) -> None:
    try:
        with api.translated(f"changing config map {VARIANT}"):
            api.core.patch_namespaced_config_map(VARIANT, site.namespace, body, _content_type=MERGE)
    except NotFoundError as error:
        raise _not_up(site) from error


def _not_up(site: Site) -> TargetError:
    return TargetError(f"namespace {site.namespace} has no {VARIANT}: the demo is not up; gameday up --target kind")


def _toggles(text: str) -> dict[str, bool]:
    return {str(key): bool(value) for key, value in json.loads(text or "{}").items()}


def _usual(system: System) -> dict[str, bool]:
    """Return how a demo is that nobody has switched: every mechanism on."""
    return {name: True for toggles in system.variants.values() for name in toggles}


def _tell(api: Api, site: Site, route: str, body: Mapping[str, object]) -> None:
    """Ask a control route of every pod. Raises ``TargetError`` when one refuses."""
    part = site.part(SWITCHED)
    for pod in _present(api, site):
        status, answer = api.pod_request(
            site.namespace,
            pod.name,
            part.port,
            f"/control/{route}",
            method="POST",
            body=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            timeout_s=_ASK_S,
        )
        if status != 200:
            raise TargetError(
                f"pod {pod.name} refuses /control/{route} with {status}: {answer[:300].decode(errors='replace')}"
            )


def _resize(api: Api, site: Site, count: int) -> None:
    """Give the service its number of pods; the one that goes is the one that shares its node with most of the system."""
    name = site.part(SWITCHED).workload
    with api.translated(f"reading deployment {name}"):
        now = api.apps.read_namespaced_deployment(name, site.namespace).spec.replicas
    if now == count:
        return
    if now > count:
        neighbours = Counter(pod.node for service in site.services for pod in pods_of(api, site, service))
        crowded = sorted(_present(api, site), key=lambda pod: -neighbours[pod.node])
        for pod in crowded[: now - count]:
            cost(api, site, pod.name)
    with api.translated(f"scaling deployment {name}"):
        body = {"spec": {"replicas": count}}
        api.apps.patch_namespaced_deployment_scale(name, site.namespace, body, _content_type=MERGE)


def _spread(api: Api, site: Site) -> None:
    """Let the scheduler place a pod anew where all share a node, as after a drain; it has reasons of its own, so once is enough."""
    pods = _present(api, site)
    if len(pods) < 2 or len({pod.node for pod in pods}) > 1 or not _others(api, site, pods[0].node):
        return
    youngest = max(pods, key=lambda pod: pod.created_s)
    with api.translated(f"deleting pod {youngest.name}"):
        api.core.delete_namespaced_pod(youngest.name, site.namespace)
    # The Deployment's own status tells of it only later, so whoever asks that would find everything ready still.
    until_s = time.monotonic() + READY_S
    while sum(pod.ready and pod.uid != youngest.uid for pod in _present(api, site)) < len(pods):
        if time.monotonic() > until_s:
            raise TargetError(
                f"the pod in place of {youngest.name} is not ready after {READY_S:g} s; see: gameday doctor --target kind"
            )
        time.sleep(_LOOK_S)


def _others(api: Api, site: Site, node: str) -> bool:
    """Return whether the system could run on another node too, by where it does or by the nodes."""
    try:
        with api.translated("listing the nodes"):
            nodes = api.core.list_node().items
    except TargetError:
        return any(pod.node != node for service in site.services for pod in pods_of(api, site, service))
    free = [each.metadata.name for each in nodes if not each.spec.unschedulable and not _taints(each.spec.taints or ())]
    return any(name != node for name in free)


def _taints(taints: object) -> bool:
    return any(each.effect == "NoSchedule" for each in taints)  # type: ignore[attr-defined]  # the client has no types


def _present(api: Api, site: Site) -> tuple[Pod, ...]:
    return tuple(pod for pod in pods_of(api, site, SWITCHED) if not pod.terminating)


def _hot(system: System) -> int:
    """Return how many products are asked for again and again: as many as the cached route has keys."""
    origin = system.origins.get(_ORIGIN)
    keys = system.routes[origin.route].keys if origin and origin.route in system.routes else None
    return keys.count if keys else 0
