"""Look in the cluster itself for anything that a run may have left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kubernetes.client import V1Job, V1Pod

from gameday.agent.pod.janitor import COST
from gameday.targets.kubernetes import controllers, lease
from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.copies import copies
from gameday.targets.kubernetes.janitor import RUN
from gameday.targets.kubernetes.pods import AGENT
from gameday.targets.kubernetes.site import Site
from gameday.targets.kubernetes.undo import FIRST, broken, outstanding

_OF_RUNS = re.compile(r"gameday-(janitor|load)-[a-z0-9-]+")
"""What Jobs of runs are called."""


@dataclass(frozen=True, slots=True)
class Residue:
    """
    What one look found.

    Attributes:
        agents: Agents that still run, one sentence each; with an agent its rules end.
        cordons: Nodes that a fault has cordoned.
        annotations: Undo data, its copies, and deletion costs that are still written on objects.
        replicas: Workloads that have another number of ready replicas than they are to have.
        objects: Jobs of a run, and another run's lease.
        ready: How many replicas of the system's workloads are ready.
        desired: How many there are to be.
    """

    agents: tuple[str, ...]
    cordons: tuple[str, ...]
    annotations: tuple[str, ...]
    replicas: tuple[str, ...]
    objects: tuple[str, ...]
    ready: int
    desired: int

    def sentences(self) -> tuple[str, ...]:
        """Return all that is left, one sentence each; empty when nothing is."""
        return (*self.agents, *self.cordons, *self.annotations, *self.replicas, *self.objects)

    def summary(self, *, faults: int = 0) -> str:
        """
        Return it in one line, such as ``clean: 0 agents, 0 cordons, 6/6 replicas, 0 annotations, 0 jobs``.

        It is not clean while so many ``faults`` of the run were not seen undone, whatever the look found.
        """
        outstanding = f", {faults} faults not seen undone" if faults else ""
        return (
            f"{'left' if faults or self.sentences() else 'clean'}: {len(self.agents)} agents, {len(self.cordons)} cordons, "
            f"{self.ready}/{self.desired} replicas, {len(self.annotations)} annotations, {len(self.objects)} jobs{outstanding}"
        )


def look(api: Api, site: Site) -> Residue:
    """Look at everything once; raises ``TargetError`` when the cluster cannot be asked."""
    with api.translated(f"listing the pods of {site.namespace}"):
        pods = api.core.list_namespaced_pod(site.namespace).items
    counts = tuple(_counts(api, site))
    undos = outstanding(api, site)
    undos_left = (
        f"{each.kind} {each.name} still has the undo of {undo.fault} of run {undo.run}" for each, undo in undos
    )
    copied = copies(api, site, (each.name for each, _ in undos))
    copies_left = (f"replica set {name} still has a copy of an undo" for name in copied)
    costs_left = (f"pod {each.metadata.name} still has the annotation {COST}: {FIRST!r}" for each in marked(pods))
    return Residue(
        agents=tuple(_agents(pods)),
        cordons=tuple(f"node {each.name} is cordoned by run {undo.run}" for each, undo in undos if each.kind == "node"),
        annotations=(*undos_left, *broken(api, site), *copies_left, *costs_left),
        replicas=tuple(f"{name} has {ready} of {want} replicas ready" for name, ready, want in counts if ready != want),
        objects=(*_jobs(api, site), *_lease(api, site)),
        ready=sum(ready for _, ready, _ in counts),
        desired=sum(want for _, _, want in counts),
    )


def find_residue(api: Api, site: Site) -> tuple[str, ...]:
    """Return one sentence for each thing that is left; empty when nothing is."""
    return look(api, site).sentences()


def summary(api: Api, site: Site) -> str:
    """Say in one line what is left."""
    return look(api, site).summary()


def _agents(pods: list[V1Pod]) -> Iterator[str]:
    for pod in pods:
        for each in pod.status.ephemeral_container_statuses or ():
            if each.name.startswith(AGENT) and each.state and each.state.running:
                yield f"agent {each.name} still runs in pod {pod.metadata.name}"


def marked(pods: list[V1Pod]) -> Iterator[V1Pod]:
    """Yield the pods that still have the deletion cost of a fault."""
    for pod in pods:
        if (pod.metadata.annotations or {}).get(COST) == FIRST:
            yield pod


def jobs_of_runs(api: Api, site: Site) -> Iterator[V1Job]:
    """
    Yield the Jobs that any run has put into the namespace, without those that are being removed.

    By their names: anybody who may change a Job can give it a run's label, but nobody another name.
    """
    with api.translated(f"listing the jobs of {site.namespace}"):
        jobs = api.batch.list_namespaced_job(site.namespace, label_selector=RUN).items
    for each in jobs:
        if each.metadata.deletion_timestamp is None and _OF_RUNS.fullmatch(each.metadata.name):
            yield each


def _counts(api: Api, site: Site) -> Iterator[tuple[str, int, int]]:
    found = controllers.by_name(api, site.namespace)
    for name in (part.workload for part in site.services.values()):
        if name in found:
            yield name, found[name].status.ready_replicas or 0, found[name].spec.replicas or 0


def _jobs(api: Api, site: Site) -> Iterator[str]:
    for each in jobs_of_runs(api, site):
        yield f"job {each.metadata.name} of run {each.metadata.labels[RUN]} is still there"


def _lease(api: Api, site: Site) -> Iterator[str]:
    """Find a lease that another run holds; this run's own is no residue."""
    held = lease.read(api, site.namespace)
    if held is not None and held.holder != site.run:
        yield f"the lease {lease.NAME} is held by {held.told()}"
