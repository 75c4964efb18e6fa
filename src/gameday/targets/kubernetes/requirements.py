"""What is missing for runs in a cluster: the cluster itself, what runs there, and the rights that a run needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.model import System
from gameday.targets.kubernetes import controllers
from gameday.targets.kubernetes.api import Api, ForbiddenError, NotFoundError, open_api
from gameday.targets.kubernetes.guard import see_allowed
from gameday.targets.kubernetes.image import SHOP
from gameday.targets.kubernetes.place import kind_of
from gameday.targets.protocol import TargetError


@dataclass(frozen=True, slots=True)
class Right:
    """
    One thing that an account must be allowed to do.

    Attributes:
        verb: Of the API.
        group: The API group; empty for the core.
        resource: With its part behind a slash, as ``pods/proxy``.
        why: What it is for, in words.
    """

    verb: str
    group: str
    resource: str
    why: str


ALWAYS = (
    Right("list", "", "pods", "to find the system's pods"),
    Right("get", "", "pods", "to read the system's pods"),
    Right("get", "apps", "deployments", "to read how many replicas there are to be"),
    Right("list", "apps", "deployments", "to look for what is left"),
    Right("get", "apps", "statefulsets", "to read how many replicas there are to be"),
    Right("list", "apps", "statefulsets", "to look for what is left"),
    Right("list", "apps", "replicasets", "to look for what is left"),
    Right("list", "batch", "jobs", "to look for what is left"),
    Right("list", "discovery.k8s.io", "endpointslices", "to see who gets connections"),
    Right("watch", "discovery.k8s.io", "endpointslices", "to see when that changes"),
    Right("list", "", "services", "to find the way to the system's services"),
    Right("create", "coordination.k8s.io", "leases", "to keep a second run away"),
    Right("patch", "coordination.k8s.io", "leases", "to keep a second run away"),
    Right("delete", "coordination.k8s.io", "leases", "to let the next run begin"),
    Right("get", "", "pods/proxy", "to read metrics"),
    Right("create", "", "pods/proxy", "to talk to the agents"),
    Right("patch", "", "pods/ephemeralcontainers", "to attach the agents"),
)
"""What every run needs, whatever it does."""
OF_PODS = (
    Right("delete", "", "pods", "to kill pods"),
    Right("patch", "", "pods", "to say which pod goes first"),
    Right("patch", "apps", "deployments", "to note what undoes a fault, and to scale"),
    Right("patch", "apps", "replicasets", "to remove the copies of that note"),
    Right("patch", "apps", "statefulsets", "to note what undoes a fault, and to scale"),
    Right("create", "batch", "jobs", "to undo a fault when the runner is gone"),
    Right("get", "batch", "jobs", "to find what waits to undo a fault"),
    Right("delete", "batch", "jobs", "to remove what waits to undo a fault"),
)
OF_NODES = (
    Right("get", "", "nodes", "to read the node"),
    Right("patch", "", "nodes", "to cordon the node"),
    Right("create", "", "pods/eviction", "to empty the node"),
)
_OF_FAULTS = {"kill": OF_PODS, "monkey": OF_PODS, "scale": OF_PODS, "drain": (*OF_PODS, *OF_NODES)}
_ON_NODES = frozenset({"nodes"})


def missing(system: System, faults: Sequence[PlannedFault] = ()) -> tuple[str, ...]:
    """
    Return a sentence for each thing that is missing, and how to get it; empty when runs with these faults can begin. Changes nothing.

    Raises:
        ClaimError: The context is not allowed, so nothing was asked.
    """
    kind = kind_of(system)
    see_allowed(kind)
    try:
        api = open_api(kind.context)
        return tuple(_missing(api, system, faults))
    except TargetError as error:
        return (str(error),)


def missing_to_bring_up(system: System) -> tuple[str, ...]:
    """Return a sentence for each program that ``up`` needs and this machine lacks; nobody brings up what is no demo."""
    if kind_of(system).demo is None:
        return ()
    return tuple(
        f"{program} is not on PATH; gameday up --target kind needs it"
        for program in ("docker", "kind")
        if shutil.which(program) is None
    )


def _missing(api: Api, system: System, faults: Sequence[PlannedFault]) -> Iterator[str]:
    namespace = kind_of(system).namespace
    refused = tuple(_refused(api, namespace, faults))
    yield from refused
    if not any((right.resource, right.verb) == ("deployments", "get") for right in ALWAYS if _told(right) in refused):
        yield from _absent(api, system, namespace)
        yield from _inseparable(api, system, namespace, faults)
    yield from _unloaded(api)


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


def _refused(api: Api, namespace: str, faults: Sequence[PlannedFault]) -> Iterator[str]:
    needed = dict.fromkeys((*ALWAYS, *(right for fault in faults for right in _OF_FAULTS.get(fault.fault, ()))))
    for right in needed:
        resource, _, part = right.resource.partition("/")
        asked = {
            "verb": right.verb,
            "group": right.group,
            "resource": resource,
            "subresource": part,
            **({} if resource in _ON_NODES else {"namespace": namespace}),
        }
        with api.translated("asking which rights there are"):
            review = api.authorization.create_self_subject_access_review({"spec": {"resourceAttributes": asked}})
        if not review.status.allowed:
            yield _told(right)


def _told(right: Right) -> str:
    return f"this account may not {right.verb} {right.resource}, {right.why}: the Role that ships allows it"


def _unloaded(api: Api) -> Iterator[str]:
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
        if held and not any(name.removeprefix("docker.io/library/") == SHOP.name for name in held):
            yield f"node {node.metadata.name} lacks the image {SHOP.name}: gameday up --target kind, or kind load docker-image"
