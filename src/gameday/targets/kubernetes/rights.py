"""The rights that runs need in a cluster: the one source of the Roles, of what is asked before a run, and of the table in the docs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gameday.experiment.catalogue import PlannedFault

WORKLOAD, NODE = "<workload>", "<node>"
"""Stand for names that only a system or a cluster has: those that are given to ``rules``, or any where none are."""


@dataclass(frozen=True, slots=True)
class Right:
    """
    One thing that an account must be allowed to do.

    Attributes:
        verb: Of the API.
        group: The API group; empty for the core.
        resource: With its part behind a slash, as ``pods/proxy``.
        why: What it is for, in words.
        name: The one object that it is for, ``WORKLOAD`` or ``NODE``; empty where any may be meant, or where RBAC cannot tell, as with ``create``.
        vital: A run needs it; else it only tells more with it.
    """

    verb: str
    group: str
    resource: str
    why: str
    name: str = ""
    vital: bool = True

    @property
    def of_cluster(self) -> bool:
        """Return whether it concerns what is in no namespace."""
        return self.resource == "nodes"


_APPS, _LEASES = "apps", "coordination.k8s.io"
EVERY = (
    Right("list", "", "pods", "to find the system's pods"),
    Right("get", _APPS, "deployments", "to read how many replicas there are to be"),
    Right("list", _APPS, "deployments", "to look for what is left"),
    Right("get", _APPS, "statefulsets", "to read how many replicas there are to be"),
    Right("list", _APPS, "statefulsets", "to look for what is left"),
    Right("list", _APPS, "replicasets", "to look for what is left"),
    Right("list", "batch", "jobs", "to look for what is left"),
    Right("list", "discovery.k8s.io", "endpointslices", "to see who gets connections"),
    Right("watch", "discovery.k8s.io", "endpointslices", "to see when that changes"),
    Right("list", "", "services", "to find the way to the system's services"),
    Right("create", _LEASES, "leases", "to keep a second run away"),
    Right("get", _LEASES, "leases", "to see whether another run goes on", "gameday"),
    Right("update", _LEASES, "leases", "to take over from a run that died", "gameday"),
    Right("patch", _LEASES, "leases", "to keep a second run away", "gameday"),
    Right("delete", _LEASES, "leases", "to let the next run begin", "gameday"),
    Right("get", "", "pods/proxy", "to read metrics"),
    Right("list", "", "events", "to say why a pod does not start", vital=False),
    Right("get", "", "pods/log", "to know agents by what they announce, and to say what a pod said last"),
)
"""What every run needs, whatever it does."""
AGENTS = (
    Right("get", "", "pods", "to read the system's pods"),
    Right("patch", "", "pods/ephemeralcontainers", "to attach the agents"),
    Right("create", "", "pods/proxy", "to talk to the agents"),
)
_KILLS = (Right("delete", "", "pods", "to kill pods"),)
_MARKS = (Right("patch", "", "pods", "to say which pod goes first"),)
_JOBS = (
    Right("create", "batch", "jobs", "to undo a fault when the runner is gone"),
    Right("get", "batch", "jobs", "to find what waits to undo a fault"),
    Right("delete", "batch", "jobs", "to remove what waits to undo a fault"),
)
_WORKLOADS = (
    Right("patch", _APPS, "deployments", "to note what undoes a fault, and to scale", WORKLOAD),
    Right("patch", _APPS, "statefulsets", "to note what undoes a fault, and to scale", WORKLOAD),
    Right("patch", _APPS, "replicasets", "to remove the copies of that note"),
    *_JOBS,
)
_NODES = (
    Right("get", "", "nodes", "to read the node"),
    Right("list", "", "nodes", "to look for what is left"),
    Right("patch", "", "nodes", "to cordon the node", NODE),
    Right("create", "", "pods/eviction", "to empty the node"),
    *_JOBS,
)
_WORKERS = (
    Right("create", "batch", "jobs", "to start the load's workers"),
    Right("delete", "batch", "jobs", "to remove the load's workers"),
    Right("create", "", "pods/proxy", "to talk to the load's master"),
)
_DEMO = (
    *AGENTS,
    Right("get", "", "configmaps", "to read the demo's variant", "shop-variant"),
    Right("patch", "", "configmaps", "to switch the demo's variant", "shop-variant"),
    Right("patch", _APPS, "deployments/scale", "to give the demo its variant's replicas", "web"),
    *_KILLS,
    *_MARKS,
)
USES: Mapping[str, tuple[Right, ...]] = {
    "none": (),
    "latency": AGENTS,
    "blackhole": AGENTS,
    "errors": AGENTS,
    "kill": (*AGENTS, *_KILLS),
    "kill-down": (*AGENTS, *_KILLS, *_MARKS, *_WORKLOADS),
    "monkey": (*AGENTS, *_KILLS),
    "pause": AGENTS,
    "scale": (*AGENTS, *_WORKLOADS),
    "drain": (*AGENTS, *_NODES),
    "stress": AGENTS,
    "empty-cache": AGENTS,
    "surge": (),
    "activity": AGENTS,
    "workers": _WORKERS,
    "demo": _DEMO,
}
"""
What a run may do beyond ``EVERY``: each fault, ``kill-down`` being a kill with ``down``; a load of several ``workers``; the ``demo``'s variants.

Agents also see whether a workload is called at all, so nearly every fault has them.
"""
OF_JANITOR = (
    Right("get", _APPS, "deployments", "to see whether its lease is extended", WORKLOAD),
    Right("patch", _APPS, "deployments", "to bring back the number of replicas", WORKLOAD),
    Right("get", _APPS, "statefulsets", "to see whether its lease is extended", WORKLOAD),
    Right("patch", _APPS, "statefulsets", "to bring back the number of replicas", WORKLOAD),
    Right("list", _APPS, "replicasets", "to find the copies of what it undoes"),
    Right("patch", _APPS, "replicasets", "to remove the copies of what it undoes"),
    Right("patch", "", "pods", "to remove the mark of a pod that was to go first"),
)
"""What the Jobs ask for that undo changes of workloads..."""
OF_JANITOR_ON_NODES = (
    Right("get", "", "nodes", "to see whether its lease is extended"),
    Right("patch", "", "nodes", "to let the node take pods again", NODE),
)
"""...and those of nodes."""
_OF_JANITOR_ALWAYS = (Right("create", "", "events", "to tell that its undo is refused", vital=False),)


@dataclass(frozen=True, slots=True)
class Grant:
    """
    What the printed Roles allow.

    Attributes:
        uses: Of ``USES``.
        workloads: The only Deployments and StatefulSets that may be changed; any where empty.
        nodes: The only nodes that may be changed; any where empty.
    """

    uses: tuple[str, ...] = tuple(USES)
    workloads: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()

    @property
    def changes_workloads(self) -> bool:
        """Return whether a Job of the janitor may have to undo a change of a workload."""
        return any(right in _WORKLOADS and right.name for use in self.uses for right in USES[use])

    @property
    def changes_nodes(self) -> bool:
        """Return whether a node may be changed."""
        return any(right.of_cluster for use in self.uses for right in USES[use])

    def rules(self, role: str) -> list[dict[str, Any]]:
        """Return the rules of one of the Roles: ``gameday``, ``gameday-janitor``, or the ClusterRole ``gameday-nodes``."""
        asked = needed(self.uses)
        undoing = OF_JANITOR if self.changes_workloads else ()
        rights = {
            "gameday": [right for right in asked if not right.of_cluster],
            "gameday-janitor": [*undoing, *_OF_JANITOR_ALWAYS],
            "gameday-nodes": [right for right in (*asked, *OF_JANITOR_ON_NODES) if right.of_cluster],
        }
        return _rules(rights[role], {WORKLOAD: self.workloads, NODE: self.nodes})


EVERYTHING = Grant()


def needed(uses: Iterable[str]) -> tuple[Right, ...]:
    """Return the rights of every run and of these uses, each once; what several are for is told by the first."""
    found: dict[Right, Right] = {}
    for right in (*EVERY, *(right for use in uses for right in USES[use])):
        found.setdefault(replace(right, why=""), right)
    return tuple(found.values())


def uses_of(faults: Sequence[PlannedFault], *, workers: int = 1, demo: bool = False) -> tuple[str, ...]:
    """Return the uses of a run with these faults and so many workers, on the demo or not."""
    named = [f"{fault.fault}-down" if fault.fault == "kill" and fault.held else fault.fault for fault in faults]
    return tuple(dict.fromkeys((*named, *["workers"] * (workers > 1), *["demo"] * demo)))


def _rules(rights: Iterable[Right], names: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return RBAC's rules for rights: the verbs of each resource and name together, in the order of the first."""
    verbs: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for right in rights:
        of = tuple(names.get(right.name, (right.name,) if right.name else ()))
        known = verbs.setdefault((right.group, right.resource, of), [])
        if right.verb not in known:
            known.append(right.verb)
    return [
        {"apiGroups": [group], "resources": [resource], **({"resourceNames": list(of)} if of else {}), "verbs": found}
        for (group, resource, of), found in verbs.items()
    ]
