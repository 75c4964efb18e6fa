"""Choose how a plan's load is sent: by one process here, or by several workers in the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gameday.experiment.plan import Plan
from gameday.load.distributed import DistributedSession
from gameday.load.session import LoadSession
from gameday.targets.connect import connect

Session = LoadSession | DistributedSession


def load_session(
    plan: Plan, *, folder: Path, address: str, secrets: Mapping[str, str], locustfile: Path | None
) -> Session:
    """
    Return the load of a plan against the system at an address, not yet started.

    Raises:
        LoadSpecError: A route cannot be loaded as it is declared.
        TargetError: The system's entries are not known.
    """
    entries = {load.route: plan.system.routes[load.route].entry for load in plan.routes}
    if plan.experiment.load.workers == 1:
        target = connect(plan.target, address, plan.system)
        urls = {route: target.url(service) for route, service in entries.items()}
        return LoadSession(plan, folder=folder, urls=urls, secrets=secrets, locustfile=locustfile)

    from gameday.targets.kubernetes.loadjobs import LoadJobs  # noqa: PLC0415 - the client takes half a second to import
    from gameday.targets.kubernetes.site import read_site  # noqa: PLC0415 - same

    crew = LoadJobs(read_site(address))
    found = {service: crew.url(service) for service in sorted(set(entries.values()))}
    urls = {route: found[service] for route, service in entries.items()}
    return DistributedSession(plan, folder=folder, urls=urls, secrets=secrets, crew=crew)
