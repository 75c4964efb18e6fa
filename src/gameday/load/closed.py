"""What the load process needs to know to run a person's own locustfile, resolved from the plan; and a look at the file before a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from gameday.experiment.model import Load
from gameday.experiment.plan import Plan
from gameday.load.routes import LoadSpecError
from gameday.load.wire import EXIT_LOCUSTFILE, Closed, RouteSpec

_CHECK_S = 60.0
"""How long a locustfile may take to be imported."""


class LocustfileError(Exception):
    """A locustfile cannot be run; the text is what Locust says, with file and line where there is one."""


def closed_spec(plan: Plan, urls: Mapping[str, str], locustfile: Path) -> Closed:
    """
    Resolve the load of a closed plan.

    Args:
        plan: Its load names a locustfile.
        urls: Route -> base URL, of every route of the plan.
        locustfile: Where the file lies.

    Raises:
        LoadSpecError: A service that ``host`` or ``hosts`` names has no address.
    """
    load = plan.experiment.load
    of_service = {plan.system.routes[route].entry: url for route, url in urls.items()}
    usual = load.host or next((r.entry for r in plan.system.routes.values() if not r.control), "")
    wanted = (usual, *load.hosts.values())
    if missing := [service for service in wanted if service not in of_service]:
        raise LoadSpecError(
            f"load.host: no address of {missing[0]} is known; there are {', '.join(sorted(of_service))}"
        )
    warm_s = next((phase.start_s for phase in plan.phases if phase.name == "baseline"), 0.0)
    found = declared(load, locustfile, duration_s=plan.duration_s, host=of_service[usual], of_service=of_service)
    return replace(found, judged_from_s=warm_s)


def declared(load: Load, locustfile: Path, *, duration_s: float, host: str, of_service: Mapping[str, str]) -> Closed:
    """Put together what a load section says of its locustfile; a service without an address gets ``host``."""
    return Closed(
        locustfile=str(locustfile),
        users=load.users,
        spawn_rate_per_s=load.spawn_rate_per_s,
        tags=load.tags,
        exclude_tags=load.exclude_tags,
        duration_s=duration_s,
        host=host,
        hosts={name: of_service.get(service, host) for name, service in load.hosts.items()},
        names={request: route for route, requests in load.names.items() for request in requests},
        judged_from_s=0.0,
    )


def closed_routes(plan: Plan) -> tuple[RouteSpec, ...]:
    """Return what requests are told apart by; headers and bodies are the locustfile's business."""
    return tuple(
        RouteSpec(load.route, route.method, route.path, host="", port=0, deadline_s=route.deadline_s)
        for load in plan.routes
        for route in [plan.system.routes[load.route]]
    )


def check_locustfile(load: Load, locustfile: Path) -> None:
    """
    Import a locustfile in a process of its own, as Locust would, and ask it for everything that a run needs; nothing is sent.

    Raises:
        LocustfileError: Locust could not run it.
    """
    asked = declared(load, locustfile, duration_s=0.0, host="http://127.0.0.1", of_service={})
    try:
        done = subprocess.run(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-m", "gameday.load.child.check", str(os.getpid())],
            input=json.dumps(asdict(asked)).encode(),
            capture_output=True,
            timeout=_CHECK_S,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise LocustfileError(f"{locustfile} was not imported within {_CHECK_S:g} s") from None
    if done.returncode == EXIT_LOCUSTFILE:
        raise LocustfileError(done.stdout.decode(errors="replace").strip())
    if done.returncode:
        printed = done.stderr.decode(errors="replace").strip()
        raise LocustfileError(f"importing {locustfile} ended its process with {done.returncode}\n{printed}".strip())
