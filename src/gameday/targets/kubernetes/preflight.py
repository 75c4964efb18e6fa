"""Try what a run will ask of the cluster, as dry runs that change nothing: the agents in its pods, the pods of its Jobs, and who undoes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from gameday.agent.pod.janitor import UNTRIED
from gameday.experiment.catalogue import PlannedFault
from gameday.targets.kubernetes import janitor, loadjobs, parallel
from gameday.targets.kubernetes.agents import rehearse
from gameday.targets.kubernetes.api import Api, ForbiddenError, NotFoundError
from gameday.targets.kubernetes.manifests import apply_command
from gameday.targets.kubernetes.objects import Object
from gameday.targets.kubernetes.pods import Pod, pods_of
from gameday.targets.kubernetes.rights import NODE, OF_JANITOR, OF_JANITOR_ON_NODES, WORKLOAD, Right
from gameday.targets.kubernetes.site import Site
from gameday.targets.kubernetes.ways import pods_at
from gameday.targets.protocol import TargetError

NETWORK, PROCESS = "network", "process"
WHAT = {NETWORK: "latency, blackhole and errors", PROCESS: "kill, pause, stress, empty-cache, scale and drain"}
"""The faults that need each kind of agent."""


def refusals(api: Api, site: Site, faults: Sequence[PlannedFault], *, workers: int = 1) -> tuple[str, ...]:
    """
    Return a sentence for everything of a run that the cluster would refuse, the reason first.

    Asked are the API server and whatever admits objects there: Pod Security, quotas, policies, webhooks. Pods that no account but the Jobs'
    controller may create, and rights of the janitor's account that nobody lets us read, are left to the run's start, which tries both.
    """
    found = [sentence for mode, services in _wanted(faults).items() for sentence in agents(api, site, mode, services)]
    workloads = {site.part(service).workload: None for fault in faults if fault.held for service in fault.services}
    nodes = any(fault.fault == "drain" for fault in faults)
    if workloads or nodes:
        found += _jobs(api, site, (janitor.sample(site),))
    if workloads:
        found += _undoing(api, site, OF_JANITOR, {WORKLOAD: tuple(workloads)})
    if nodes:
        found += _undoing(api, site, OF_JANITOR_ON_NODES, {NODE: drainable(api, site, faults)})
    if workers > 1:
        found += _jobs(api, site, loadjobs.samples(site, workers))
    return tuple(found)


def agents(api: Api, site: Site, mode: str, services: Iterable[str]) -> Iterator[str]:
    """Yield, for each service in whose pods an agent of a mode would be refused, why: in the words of the first of them."""
    for service in services:
        pods: tuple[Pod, ...] = ()
        with suppress(NotFoundError):  # that it is not there is told already
            pods = tuple(pod for pod in pods_of(api, site, service) if pod.usable)
        found = [why for why in parallel.each(pods, lambda pod: _refused(api, site, pod, mode)) if why]
        if found:
            yield f"{found[0]} ({len(found)} of {len(pods)} pods of {service} refuse the {mode} agent)"


def _refused(api: Api, site: Site, pod: Pod, mode: str) -> str:
    try:
        rehearse(api, site, pod, mode)
    except NotFoundError:  # it has gone meanwhile
        return ""
    except TargetError as error:
        return str(error)
    return ""


def _wanted(faults: Iterable[PlannedFault]) -> dict[str, tuple[str, ...]]:
    """Return in which services' pods agents of each mode will be attached."""
    chosen = tuple(faults)
    network = (pods_at(edge) for fault in chosen for edge in fault.edges)
    process = (service for fault in chosen if fault.inside or fault.crashes for service in fault.services)
    return {NETWORK: tuple(dict.fromkeys(network)), PROCESS: tuple(dict.fromkeys((*process, *called_of(chosen))))}


def called_of(faults: Iterable[PlannedFault]) -> tuple[str, ...]:
    """Return the services that must be seen called before anything is done to them: agents in their pods look."""
    return tuple(dict.fromkeys(edge.split(" -> ")[1] for fault in faults for edge in fault.called))


def _jobs(api: Api, site: Site, jobs: Iterable[Object]) -> Iterator[str]:
    """Yield why a Job, or a pod of it, would be refused."""
    may_create = _may(api, site, "create", "", "pods")
    for job in jobs:
        name, spec = job["metadata"]["name"], job["spec"]["template"]["spec"]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": job["metadata"], "spec": spec}
        try:
            with api.translated(f"trying to create job {name}"):
                api.batch.create_namespaced_job(site.namespace, job, dry_run="All")
            if may_create:
                with api.translated(f"trying to create a pod of job {name}"):
                    api.core.create_namespaced_pod(site.namespace, pod, dry_run="All")
        except TargetError as error:
            if UNTRIED not in str(error):
                lacks = f'serviceaccount "{janitor.ACCOUNT}" not found' in str(error)
                cure = f"; next: {apply_command(site.context, site.namespace, 'janitor')}" if lacks else ""
                yield f"{error}; so the job {name} would have no pod{cure}"


def drainable(api: Api, site: Site, faults: Iterable[PlannedFault]) -> tuple[str, ...]:
    """Return the nodes that drains may take, as far as they can be read: which one it is is drawn later."""
    with suppress(TargetError):  # told elsewhere
        services = [str(fault.parameters["service"]) for fault in faults if fault.fault == "drain"]
        return tuple(sorted({pod.node for service in services for pod in pods_of(api, site, service) if pod.node}))
    return ()


def _undoing(api: Api, site: Site, rights: Iterable[Right], named: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the first that the janitor's account may not do with what is named, where whoever asks may know that."""
    names = ("janitor", "node-role") if NODE in named else ("janitor",)
    for right in rights:
        for name in named.get(right.name) or ("",):
            try:
                allowed = _janitor_may(api, site, right, name)
            except ForbiddenError:
                return
            if not allowed:
                yield (
                    f"the account {janitor.ACCOUNT} may not {right.verb} {right.resource}{f' {name}' if name else ''}, "
                    f"so nobody would undo the fault when gameday is gone; next: {apply_command(site.context, site.namespace, *names)}"
                )
                return


def _janitor_may(api: Api, site: Site, right: Right, name: str) -> bool:
    where = {"name": name} if right.of_cluster else {"name": name, "namespace": site.namespace}
    asked = {"verb": right.verb, "group": right.group, "resource": right.resource, **where}
    account = f"system:serviceaccount:{site.namespace}:{janitor.ACCOUNT}"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{site.namespace}", "system:authenticated"]
    body = {"spec": {"user": account, "groups": groups, "resourceAttributes": asked}}
    with api.translated("asking what the janitor may do"):
        return bool(api.authorization.create_subject_access_review(body).status.allowed)


def _may(api: Api, site: Site, verb: str, group: str, resource: str) -> bool:
    asked = {"verb": verb, "group": group, "resource": resource, "namespace": site.namespace}
    with api.translated("asking which rights there are"):
        review = api.authorization.create_self_subject_access_review({"spec": {"resourceAttributes": asked}})
    return bool(review.status.allowed)
