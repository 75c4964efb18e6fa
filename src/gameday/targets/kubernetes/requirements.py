"""What is missing for runs in a cluster: the cluster itself, what runs there, and the rights that a run needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress

from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.model import KindTarget, System
from gameday.targets.kubernetes import controllers
from gameday.targets.kubernetes.api import Api, ForbiddenError, NotFoundError, open_api
from gameday.targets.kubernetes.diagnosis import load_image
from gameday.targets.kubernetes.guard import see_allowed
from gameday.targets.kubernetes.image import LOAD, SHOP, Image
from gameday.targets.kubernetes.inside import SHARED
from gameday.targets.kubernetes.manifests import apply_command
from gameday.targets.kubernetes.place import kind_of
from gameday.targets.kubernetes.pods import pods_of
from gameday.targets.kubernetes.preflight import WHAT, agents, drainable, refusals
from gameday.targets.kubernetes.rights import NODE, WORKLOAD, Right, needed, uses_of
from gameday.targets.kubernetes.site import site_of
from gameday.targets.kubernetes.ways import wrong_entrances, wrong_ports
from gameday.targets.protocol import TargetError

_READ = frozenset({"deployments", "statefulsets", "pods"})
"""Who may not read these finds nothing."""


def missing(system: System, faults: Sequence[PlannedFault] = (), *, workers: int = 1) -> tuple[str, ...]:
    """
    Return a sentence for each thing that is missing or refused, and how to get it; empty when runs with these faults can begin.

    Nothing is changed: what a run would ask the cluster to admit is tried as dry runs. A load of several ``workers`` is tried, too.

    Raises:
        ClaimError: The context is not allowed, so nothing was asked.
    """
    kind = kind_of(system)
    see_allowed(kind)
    sentences: list[str] = []
    try:
        sentences.extend(_missing(open_api(kind.context), system, faults, workers))
    except TargetError as error:  # what was found before is the reason of it, often
        sentences.append(str(error))
    return tuple(sentences)


def unreachable(system: System) -> str:
    """Return why the cluster of a system cannot be asked; empty when it answers. Raises ``ClaimError`` where the context is not allowed."""
    kind = kind_of(system)
    see_allowed(kind)
    try:
        api = open_api(kind.context)
        with api.translated("asking for the cluster's version"):
            api.version.get_code()
    except TargetError as error:
        return str(error)
    return ""


def refused_agents(system: System) -> dict[str, tuple[str, ...]]:
    """Return, by the faults that need it, why a kind of agent would be refused by the system's pods; nothing where it would be admitted."""
    kind = kind_of(system)
    try:
        api, site = open_api(kind.context), site_of(system, run="")
        found = {what: tuple(agents(api, site, mode, system.services)) for mode, what in WHAT.items()}
    except TargetError:  # why it cannot be asked is told by ``missing``
        return {}
    return {what: sentences for what, sentences in found.items() if sentences}


def missing_to_bring_up(system: System) -> tuple[str, ...]:
    """Return a sentence for each program that ``up`` needs and this machine lacks; nobody brings up what is no demo."""
    if kind_of(system).demo is None:
        return ()
    return tuple(
        f"{program} is not on PATH; gameday up --target kind needs it"
        for program in ("docker", "kind")
        if shutil.which(program) is None
    )


def _missing(api: Api, system: System, faults: Sequence[PlannedFault], workers: int) -> Iterator[str]:
    kind = kind_of(system)
    uses = uses_of(faults, workers=workers, demo=kind.demo is not None)
    lacking = tuple(_lacking(api, system, faults, uses))
    for right, name in lacking:
        yield _told(right, name, kind, uses if faults else ())
    if not any(right.resource in _READ for right, _ in lacking):
        yield from _absent(api, system, kind.namespace)
        yield from _inseparable(api, system, kind.namespace, faults)
        yield from _untraceable(api, system, faults)
        with suppress(NotFoundError):  # told already
            yield from wrong_ports(api, site_of(system, run=""))
            yield from wrong_entrances(api, site_of(system, run=""))
    if not lacking:
        yield from refusals(api, site_of(system, run=""), faults, workers=workers)
    yield from _unloaded(api, (SHOP, LOAD) if workers > 1 else (SHOP,))


def _absent(api: Api, system: System, namespace: str) -> Iterator[str]:
    cure = "gameday up --target kind" if kind_of(system).demo else "name the right one in the system file"
    for name in system.services:
        workload = system.deployment(name)
        try:
            controllers.find(api, namespace, workload)
        except NotFoundError:
            yield f"namespace {namespace} has no Deployment or StatefulSet {workload}, which is to be {name}: {cure}"


def _inseparable(api: Api, system: System, namespace: str, faults: Sequence[PlannedFault]) -> Iterator[str]:
    """Tell that some pods of a StatefulSet cannot be kept away: it has no choice whom it is without, and that is the last."""
    for fault in faults:
        if fault.fault != "kill" or not fault.held or fault.parameters["replicas"] == "all":
            continue
        for service in fault.services:
            with suppress(NotFoundError):  # told already
                kind, found = controllers.find(api, namespace, workload := system.deployment(service))
                if kind == "statefulset" and (found.spec.replicas or 0) > 1:
                    yield (
                        f"kill with down of {service}: the StatefulSet {workload} can be without its last pod only, "
                        "and not without one that is drawn: replicas: all, or no down"
                    )


def _untraceable(api: Api, system: System, faults: Sequence[PlannedFault]) -> Iterator[str]:
    """Yield where nothing can be paused, or killed without a grace, as far as the pods' own files show; the rest an agent tries before the load."""
    site = site_of(system, run="")
    for fault in faults:
        for service in fault.services if fault.crashes or fault.fault == "pause" else ():
            with suppress(NotFoundError):  # told already
                for pod in pods_of(api, site, service):
                    if pod.shares_processes:
                        yield f"{fault.fault} of {service}: pod {pod.name} {SHARED}"
                        break


def _lacking(
    api: Api, system: System, faults: Sequence[PlannedFault], uses: Sequence[str]
) -> Iterator[tuple[Right, str]]:
    """Yield what the account may not do that these uses need, and to which object where only some may be changed."""
    names = {
        WORKLOAD: tuple(system.deployment(service) for fault in faults if fault.held for service in fault.services),
        NODE: drainable(api, site_of(system, run=""), faults),
    }
    namespace = kind_of(system).namespace
    for right in needed(uses):
        for name in names.get(right.name, (right.name,)) or ("",) if right.vital else ():
            if not _may(api, right, namespace, name):
                yield right, name
                break


def _may(api: Api, right: Right, namespace: str, name: str) -> bool:
    resource, _, part = right.resource.partition("/")
    asked = {
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": part,
        "name": name,
        **({} if right.of_cluster else {"namespace": namespace}),
    }
    with api.translated("asking which rights there are"):
        review = api.authorization.create_self_subject_access_review({"spec": {"resourceAttributes": asked}})
    return bool(review.status.allowed)


def _told(right: Right, name: str, kind: KindTarget, uses: Sequence[str]) -> str:
    names, only = (("node-role",), ()) if right.of_cluster else (("role", "account"), uses)
    grant = apply_command(kind.context, kind.namespace, *names, uses=only)
    which = f" {name}" if name else ""
    rest = ", which replaces its Role: name all that it is to do" if only else ""
    return f"this account may not {right.verb} {right.resource}{which}, {right.why}; the account gameday may, after {grant}{rest}"


def _unloaded(api: Api, images: Sequence[Image]) -> Iterator[str]:
    """Tell that a node lacks the image of the agents, where nodes may be read; else a pod's events will."""
    try:
        with api.translated("listing the nodes"):
            nodes = api.core.list_node().items
    except ForbiddenError:
        return
    for node in nodes:
        if any(taint.effect == "NoSchedule" for taint in node.spec.taints or ()):
            continue
        held = [name for image in node.status.images or () for name in image.names or ()]
        there = {name.removeprefix("docker.io/library/") for name in held}
        for image in images:
            if held and image.name not in there:
                yield load_image(image.name, node.metadata.name, api.context)
