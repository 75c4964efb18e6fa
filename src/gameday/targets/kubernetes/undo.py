"""
Hold a change of a workload or a node under a lease that is written on the object itself, and undo it from that alone.

The annotation is written with, or before, the change, in one request that fails when somebody else has changed the object meanwhile. It
says how the object was, so that any process, or the janitor in the cluster, can bring that back after everybody else is dead.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

from gameday.agent.pod.janitor import COST, UNDO, may_restore
from gameday.targets.kubernetes import controllers, janitor
from gameday.targets.kubernetes.api import MERGE, Api, ConflictError, ForbiddenError, NotFoundError, WorkloadKind
from gameday.targets.kubernetes.copies import forget
from gameday.targets.kubernetes.site import Site
from gameday.targets.protocol import TargetError

FIRST = "-1000"
"""The cost of a pod that a fault takes; whoever else marks pods marks them with another."""
TRIES = 5
"""How often a patch is tried anew when the object has changed meanwhile; a workload's status changes a few times a second at most."""
FRESH_S = 0.5
"""A lease that was extended so recently is not extended again: several replicas of one workload share it."""

_JANITOR = re.compile(r"gameday-janitor-[a-z0-9]{1,16}")
"""What its Job is called: no other is ever removed."""

Result = TypeVar("Result")
Patch = dict[str, Any]  # a JSON merge patch, as the API takes it


@dataclass(frozen=True, slots=True)
class Touched:
    """An object that a fault changes; a node is in no namespace."""

    kind: WorkloadKind | Literal["node"]
    name: str

    def path(self, namespace: str) -> str:
        """Return where the API has it."""
        if self.kind == "node":
            return f"/api/v1/nodes/{self.name}"
        return f"/apis/apps/v1/namespaces/{namespace}/{self.kind}s/{self.name}"


@dataclass(frozen=True, slots=True)
class Undo:
    """
    What the annotation says.

    Attributes:
        run: Whose fault it is.
        fault: Its kind, such as ``scale``.
        patch: The merge patch that brings the object's ``spec`` back.
        pods: Pods that were given a deletion cost, which is to go too.
        janitor: The Job that waits for the deadline.
        lease_s: Who sees the annotation unchanged for so long may undo it, whatever its clock says.
        deadline: The same as a time of day, UTC in ISO 8601.
        namespace: Where the run and its janitor are: of a node nothing else says so.
    """

    run: str
    fault: str
    patch: Patch
    pods: tuple[str, ...]
    janitor: str
    lease_s: float
    deadline: str
    namespace: str

    def renewed(self, lease_s: float) -> Undo:
        """Return it with a deadline ``lease_s`` from now."""
        return replace(self, lease_s=lease_s, deadline=(datetime.now(UTC) + timedelta(seconds=lease_s)).isoformat())

    def left_s(self) -> float:
        """Return how long the deadline is away by this machine's clock; below 0 when it has passed."""
        return (datetime.fromisoformat(self.deadline) - datetime.now(UTC)).total_seconds()

    def refuse_others(self, touched: Touched, site: Site, fault: str) -> None:
        """Raise ``TargetError`` unless this is the undo of a fault of the site's run: no other is ever overwritten."""
        if (self.run, self.fault) != (site.run, fault):
            next_step = "gameday recover --target kind undoes it"
            raise TargetError(
                f"{touched.kind} {touched.name} still has the {self.fault} of run {self.run}; {next_step}"
            )

    def to_json(self) -> str:
        """Write the annotation: one line, sorted keys; ``undo`` holds what the janitor needs."""
        value = asdict(self)
        value["undo"] = {"patch": value.pop("patch"), "pods": value.pop("pods")}
        return json.dumps(value, sort_keys=True)


def read_undo(text: str, touched: Touched) -> Undo:
    """
    Read the annotation of an object.

    Raises ``TargetError`` for what no version of gameday has written on one of its kind.
    """
    try:
        value = json.loads(text)
        undo = value.pop("undo")
        found = Undo(**value, patch=undo["patch"], pods=tuple(undo["pods"]))
        right = (
            may_restore(found.patch, found.pods, node=touched.kind == "node")
            and _JANITOR.fullmatch(found.janitor) is not None
            and math.isfinite(found.lease_s)
            and math.isfinite(found.left_s())
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        right = False
    if not right:
        raise TargetError(
            f"{touched.kind} {touched.name}: the annotation {UNDO} is not one that gameday writes there, so nothing of it is done: {text[:80]!r};"
            f" look at the object, and remove it: kubectl annotate {touched.kind} {touched.name} {UNDO}-"
        )
    return found


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as it was read: its version, its ``spec`` as plain data, and the undo that is outstanding on it."""

    version: str
    spec: Mapping[str, Any]
    undo: Undo | None


def read(api: Api, site: Site, touched: Touched) -> Seen:
    """Read an object; raises ``NotFoundError`` when there is none."""
    if touched.kind == "node":
        with api.translated(f"reading node {touched.name}"):
            found = api.core.read_node(touched.name)
    else:
        found = controllers.read(api, site.namespace, touched.kind, touched.name)
    text = (found.metadata.annotations or {}).get(UNDO)
    return Seen(found.metadata.resource_version, found.spec.to_dict(), read_undo(text, touched) if text else None)


def patch(api: Api, site: Site, touched: Touched, seen: Seen, *, undo: Undo | None, change: Patch) -> None:
    """Write the annotation, or remove it, together with a change; raises ``ConflictError`` when it is no longer as it was ``seen``."""
    meta = {"resourceVersion": seen.version, "annotations": {UNDO: undo.to_json() if undo else None}}
    body = {"metadata": meta, **change}
    if touched.kind == "node":
        with api.translated(f"changing node {touched.name}"):
            api.core.patch_node(touched.name, body, _content_type=MERGE)
    else:
        controllers.patch(api, site.namespace, touched.kind, touched.name, body)


def hold(
    api: Api,
    site: Site,
    touched: Touched,
    *,
    fault: str,
    lease_s: float,
    change: Patch,
    before: Callable[[Seen], Patch],
) -> Undo:
    """
    Change an object under a lease; called again, extend the lease and see that the change is still there. Idempotent.

    ``change`` is the merge patch that makes the fault, and ``before`` says of the object as it was which one brings that back. What the
    annotation says now is returned. Raises ``TargetError`` where the undo of another fault is outstanding: it is never overwritten.
    """
    started: list[str] = []

    def once(seen: Seen) -> Undo:
        if (undo := seen.undo) is not None:
            undo.refuse_others(touched, site, fault)
            if undo.left_s() > lease_s - FRESH_S and _has(seen.spec, change.get("spec", {})):
                return undo
            patch(api, site, touched, seen, undo=(undo := undo.renewed(lease_s)), change=change)
            return undo
        if not started:
            spare = touched.name if touched.kind == "node" else None
            started.append(janitor.start(api, site, path=touched.path(site.namespace), spare=spare))
            return once(read(api, site, touched))  # it took its time
        undo = Undo(site.run, fault, before(seen), (), started[0], lease_s, "", site.namespace).renewed(lease_s)
        patch(api, site, touched, seen, undo=undo, change=change)
        return undo

    try:
        return _tried(api, site, touched, once)
    except (ConflictError, ForbiddenError, NotFoundError):  # else it may have been done: then the janitor is needed
        for name in started:
            janitor.end(api, site, name)
        raise


def amend(api: Api, site: Site, touched: Touched, *, change: Callable[[Undo], tuple[Undo, Patch]]) -> Undo:
    """Change an object further whose undo is outstanding, and what its annotation says; raises ``TargetError`` when that has ended."""

    def once(seen: Seen) -> Undo:
        if seen.undo is None:
            raise TargetError(
                f"the fault on {touched.kind} {touched.name} ended by itself meanwhile: it was not renewed in time"
            )
        undo, further = change(seen.undo)
        patch(api, site, touched, seen, undo=undo, change=further)
        return undo

    return _tried(api, site, touched, once)


def undo(api: Api, site: Site, touched: Touched, *, fault: str | None = None) -> str | None:
    """
    Undo what is outstanding on an object, whoever did it, from its annotation alone; of any kind, or only one ``fault``. Idempotent.

    One sentence that says what was undone is returned; None when there was nothing.
    """

    def once(seen: Seen) -> str | None:
        found = seen.undo
        if found is None or fault not in {None, found.fault}:
            return None
        for pod in found.pods:
            uncost(api, site, pod)
        patch(api, site, touched, seen, undo=None, change=found.patch)
        janitor.end(api, site, found.janitor)
        if touched.kind == "deployment":
            _forget_copies(api, site)
        return f"{found.fault} of run {found.run} on {touched.kind} {touched.name}"

    try:
        return _tried(api, site, touched, once)
    except NotFoundError:
        return None


def undo_all(api: Api, site: Site) -> Iterator[str]:
    """
    Undo everything that is outstanding in the namespace and on nodes that may be read, and yield a sentence of each.

    Raises:
        TargetError: Something resisted; all else has been undone. What ``broken`` tells of is not touched.
    """
    resisted = []
    for touched, _ in outstanding(api, site):
        try:
            if sentence := undo(api, site, touched):
                yield sentence
        except TargetError as error:
            resisted.append(str(error))
    _forget_copies(api, site)  # those, too, whose undo is long done
    if resisted:
        raise TargetError("; ".join(resisted))


def outstanding(api: Api, site: Site) -> tuple[tuple[Touched, Undo], ...]:
    """
    Find every object with an annotation: the namespace's workloads, and nodes that its runs touched, where an account may list them.

    One whose annotation cannot be read is not among them: ``broken`` tells of it.
    """
    return tuple((touched, found) for touched, found in _found(api, site) if isinstance(found, Undo))


def broken(api: Api, site: Site) -> tuple[str, ...]:
    """Return a sentence for each object whose annotation no gameday has written."""
    return tuple(str(found) for _, found in _found(api, site) if isinstance(found, TargetError))


def cost(api: Api, site: Site, pod: str) -> None:
    """Mark a pod as the first to end when its workload is scaled down. Idempotent; raises ``NotFoundError`` when it is gone."""
    _set_cost(api, site, pod, FIRST)


def uncost(api: Api, site: Site, pod: str) -> None:
    """Take a pod's deletion cost away; a pod that is gone has none. Idempotent."""
    with suppress(NotFoundError):
        _set_cost(api, site, pod, None)


def _set_cost(api: Api, site: Site, pod: str, value: str | None) -> None:
    with api.translated(f"changing pod {pod}"):
        body = {"metadata": {"annotations": {COST: value}}}
        api.core.patch_namespaced_pod(pod, site.namespace, body, _content_type=MERGE)


def _forget_copies(api: Api, site: Site) -> None:
    """Remove the copies of what is not outstanding any more."""
    forget(api, site, (each.name for each, _ in outstanding(api, site)))


def _found(api: Api, site: Site) -> Iterator[tuple[Touched, Undo | TargetError]]:
    for kind, each in controllers.every(api, site.namespace):
        if text := (each.metadata.annotations or {}).get(UNDO):
            touched = Touched(kind, each.metadata.name)
            yield touched, _read(text, touched)
    try:
        with api.translated("listing the nodes"):
            nodes = api.core.list_node().items
    except ForbiddenError:  # who may not read nodes has drained none
        return
    for each in nodes:
        if text := (each.metadata.annotations or {}).get(UNDO):
            touched = Touched("node", each.metadata.name)
            found = _read(text, touched)
            if isinstance(found, TargetError) or found.namespace == site.namespace:  # another's run may go on
                yield touched, found


def _read(text: str, touched: Touched) -> Undo | TargetError:
    try:
        return read_undo(text, touched)
    except TargetError as error:
        return error


def _tried(api: Api, site: Site, touched: Touched, once: Callable[[Seen], Result]) -> Result:
    for _ in range(TRIES - 1):
        try:
            return once(read(api, site, touched))
        except ConflictError:
            continue
    return once(read(api, site, touched))


def _has(spec: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    return all(spec.get(key) == value for key, value in asked.items())
