"""Wait until the system's workloads have all the pods that they are to have."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from gameday.targets.kubernetes import controllers
from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.controllers import Controller
from gameday.targets.kubernetes.diagnosis import explain, is_hopeless, unready
from gameday.targets.kubernetes.site import Site
from gameday.targets.protocol import TargetError

READY_S = 90.0
"""An image is there and a database starts in seconds; the rest is for a busy machine."""
_LOOK_S = 0.25
_PATIENCE_S = 5.0
"""Before this a pod that does not start is not looked at: it may be waiting for a volume or an address."""


def wait_ready(api: Api, site: Site, progress: Callable[[str], None], *, within_s: float = READY_S) -> None:
    """Wait until every workload has all its pods ready and none of another kind; raises ``TargetError`` with what the pods' events say."""
    began_s = time.monotonic()
    told: tuple[str, ...] = ()
    while waiting := tuple(_waiting(api, site)):
        if waiting != told:
            progress(f"waiting for {', '.join(waiting)}")
            told = waiting
        took_s = time.monotonic() - began_s
        pods = unready(api, site.namespace) if took_s > _PATIENCE_S else ()
        if took_s > within_s or is_hopeless(pods):
            raise TargetError(
                f"{', '.join(waiting)} in namespace {site.namespace} not ready after {took_s:.0f} s\n"
                f"{explain(api, site.namespace, pods)}"
            )
        time.sleep(_LOOK_S)


def _waiting(api: Api, site: Site) -> Iterator[str]:
    found = controllers.by_name(api, site.namespace)
    for part in site.services.values():
        workload = found.get(part.workload)
        if workload is None or not _is_ready(workload):
            yield part.workload


def _is_ready(workload: Controller) -> bool:
    asked, status = workload.spec.replicas, workload.status
    seen = (status.observed_generation or 0) >= workload.metadata.generation
    return seen and all((n or 0) == asked for n in (status.updated_replicas, status.ready_replicas, status.replicas))
