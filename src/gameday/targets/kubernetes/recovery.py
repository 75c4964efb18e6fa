"""Undo, from the cluster alone, whatever runs have left in a namespace: no folder of runs is needed, nor the machine they ran on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from gameday.experiment.model import System
from gameday.targets.kubernetes import janitor, variant
from gameday.targets.kubernetes.api import Api, NotFoundError, open_api
from gameday.targets.kubernetes.guard import see_allowed
from gameday.targets.kubernetes.keeper import kept
from gameday.targets.kubernetes.place import kind_of
from gameday.targets.kubernetes.ready import wait_ready
from gameday.targets.kubernetes.residue import find_residue, jobs_of_runs, marked
from gameday.targets.kubernetes.site import Site, site_of
from gameday.targets.kubernetes.target import KubernetesTarget
from gameday.targets.kubernetes.undo import uncost, undo_all
from gameday.targets.protocol import TargetError
from gameday.targets.repair import Repaired


def recover(system: System, progress: Callable[[str], None]) -> Repaired:
    """
    Find and undo everything, holding the namespace's lease meanwhile. Idempotent.

    Raises:
        ClaimError: The context is not allowed, or a run goes on there.
        TargetError: The cluster cannot be asked.
    """
    kind = kind_of(system)
    see_allowed(kind)
    api = open_api(kind.context)
    with kept(system, repairing=True) as keeper:
        site = site_of(system, run=keeper.run)
        undone = [f"released the lease of {keeper.succeeded}"] if keeper.succeeded else []
        resisted: list[str] = []
        for step in (_faults, _agents, _jobs, _costs):
            try:
                for sentence in step(api, site):
                    undone.append(sentence)  # noqa: PERF402 - what was done is told also where the step ends in an error
            except TargetError as error:
                resisted.append(str(error))
        try:
            if kind.demo is not None and variant.put_back(api, site, system, progress):
                undone.append("switched the demo back to the variant that it had")
        except TargetError as error:
            resisted.append(str(error))
        with suppress(TargetError):  # what is not ready is among what is left
            wait_ready(api, site, progress)
        return Repaired(tuple(undone), (*resisted, *find_residue(api, site)))


def _faults(api: Api, site: Site) -> Iterator[str]:
    yield from (f"undid {sentence}" for sentence in undo_all(api, site))


def _agents(api: Api, site: Site) -> Iterator[str]:  # noqa: ARG001 - the signature of all steps
    yield from KubernetesTarget(site).leave()


def _jobs(api: Api, site: Site) -> Iterator[str]:
    for job in jobs_of_runs(api, site):
        janitor.end(api, site, job.metadata.name)
        yield f"removed job {job.metadata.name} of run {job.metadata.labels[janitor.RUN]}"


def _costs(api: Api, site: Site) -> Iterator[str]:
    with api.translated(f"listing the pods of {site.namespace}"):
        pods = api.core.list_namespaced_pod(site.namespace).items
    for pod in marked(pods):
        with suppress(NotFoundError):
            uncost(api, site, pod.metadata.name)
            yield f"removed the deletion cost of pod {pod.metadata.name}"
