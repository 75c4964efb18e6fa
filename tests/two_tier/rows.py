"""Every fault as it should be, and sabotaged so that it meets nobody."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from two_tier.claims import (
    FAULT_S,
    Claim,
    all_coded,
    all_late,
    cordoned,
    counted_stamps,
    emptied,
    figures,
    nobody_gone,
    only_killed,
    scaled_to_none,
    standing,
    stopped,
    stressed,
    untouched,
)
from two_tier.observer import Observer
from two_tier.office import TARIFF, Office

PASSED, FAILED, UNDECIDED = 0, 1, 3
PROVEN, BASELINE = "gate.fault-proven", "gate.baseline"
REFUSED = frozenset({2, UNDECIDED, 5})
"""Exit codes of a run that claims nothing: invalid file, inconclusive or invalid run, refused."""
LOAD_TRACKED = 100
"""Requests after which the load is in its baseline: 30 a second, of which the first two seconds are warm-up."""


@dataclass(frozen=True)
class Row:
    """
    One run.

    Attributes:
        fault: The experiment's name.
        sabotage: What is done so that the fault meets nobody; empty in the run as it should be.
        told: What the system file says otherwise than it is.
        codes: Exit codes that are right.
        claims: What the observer must have seen.
        interferes: Acts on what is seen while the run goes on, until the event is set.
        patches: A manifest that is there for this run only.
        gate: The gate that must not hold where the exit code is that of an invalid run.
        refusal: Words of the reason for which it is refused before any load; empty where it is not.
        looks: Which programs look at the office besides, of ``programs``.
        says: Words that the run must print, such as a proof that rests on the office's own count.
    """

    fault: str
    sabotage: str = ""
    told: Mapping[str, str] = field(default_factory=dict)
    codes: frozenset[int] = frozenset({PASSED})
    claims: tuple[Claim, ...] = ()
    interferes: Callable[[Observer, threading.Event], None] | None = None
    patches: Mapping[str, Any] | None = None
    gate: str = PROVEN
    refusal: str = ""
    looks: frozenset[str] = frozenset()
    says: str = ""

    def right(self, broken: frozenset[str], printed: str) -> bool:
        """Return whether a run is invalid for the right reason, which a baseline that did not hold hides."""
        if self.refusal:
            return self.refusal in " ".join(printed.split())
        return self.gate in broken and (BASELINE not in broken or self.gate != PROVEN)

    @property
    def name(self) -> str:
        """Return its name among the tests."""
        return f"{self.fault}-{self.sabotage.replace(' ', '-')}" if self.sabotage else self.fault


def operator(seen: Observer, ended: threading.Event) -> None:
    """Give the tariff its replica back whenever it has none."""
    office = seen.office
    while not ended.wait(0.1):
        if office.get("deployment", TARIFF)["spec"]["replicas"] == 0:
            office.kubectl("scale", "deployment", TARIFF, "--replicas=1")


def passer_by(seen: Observer, ended: threading.Event) -> None:
    """Delete a desk when more has been tracked than the observer itself asked for: seconds after the load has begun."""
    office, before = seen.office, figures(seen.office, "track") - len(seen.sights("track"))
    while not ended.wait(0.2):
        if figures(office, "track") - before - len(seen.sights("track")) > LOAD_TRACKED:
            names = office.kubectl("get", "pods", "--selector", "app=desk", "--output", "name").split()
            office.kubectl("delete", names[0], "--wait=false")
            return


BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "desk"},
    "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "desk"}}},
}
NOT_SERVING = "another workload is named"
NOT_ENTERED = "and that chooses no pod of"
HANGING = (all_late("track", planned_s=8.5, atleast=0.6),)
"""
Without a tariff most requests hang until the desk gives up, and few are refused at once: a node refuses connections to a Service without endpoints
by ICMP, of which Linux sends each caller one a second (icmp_ratelimit).
"""
QUIET = (untouched("track", "parcels", "label"),)

ROWS = (
    Row(
        "latency",
        codes=frozenset({FAILED}),
        claims=(all_late("track"), all_late("parcels"), untouched("label"), nobody_gone),
        says="by the caller's own count",
    ),
    Row("latency", "wrong port", {"tariff_port": "9797"}, REFUSED, (*QUIET, nobody_gone)),
    Row(
        "latency", "traffic elsewhere", {"desk": "desk-spare", "entrance": "desk-spare"}, REFUSED, (*QUIET, nobody_gone)
    ),
    Row("blackhole", claims=(all_coded("parcels", 503), untouched("label"), nobody_gone)),
    Row("blackhole", "the caller has no traffic", {"tariff": "tariff-spare"}, REFUSED, (*QUIET, nobody_gone)),
    Row("errors", claims=(all_coded("track", 503), untouched("parcels", "label"), nobody_gone)),
    Row(
        "errors",
        "callee at another address",
        {"desk": "desk-abroad", "entrance": "desk-abroad"},
        REFUSED,
        (*QUIET, nobody_gone),
    ),
    Row("kill", claims=(only_killed("desk-", "desk"),)),
    Row("kill", NOT_SERVING, {"desk": "desk-spare"}, REFUSED, (*QUIET, nobody_gone), refusal=NOT_ENTERED),
    Row(
        "kill-down",
        codes=frozenset({FAILED}),
        claims=(
            only_killed("tariff-calculation", "tariff"),
            all_coded("track", 503, 504, planned_s=7.5, atleast=0.8),
            *HANGING,
        ),
    ),
    Row("kill-down", NOT_SERVING, {"tariff": "tariff-spare"}, REFUSED, (*QUIET, nobody_gone)),
    Row(
        "pause",
        codes=frozenset({FAILED}),
        claims=(stopped, all_late("track"), untouched("label"), nobody_gone),
        looks=frozenset({"processes"}),
    ),
    Row("pause", NOT_SERVING, {"tariff": "tariff-spare"}, REFUSED, (*QUIET, nobody_gone)),
    Row("stress", claims=(stressed, nobody_gone), looks=frozenset({"processes"})),
    Row("stress", NOT_SERVING, {"tariff": "tariff-spare"}, REFUSED, (nobody_gone,)),
    Row("stress", "more than there is", {"cores": "64"}, REFUSED, (nobody_gone,)),
    Row("empty-cache", claims=(emptied("shelf"), untouched("label"), nobody_gone), looks=frozenset({"sizes"})),
    Row("empty-cache", "another store", {"shelf": "shelf-spare"}, REFUSED, (*QUIET, nobody_gone)),
    Row(
        "scale",
        codes=frozenset({FAILED}),
        claims=(
            scaled_to_none("deployments", TARIFF, FAULT_S),
            all_coded("track", 503, 504, planned_s=9.0, atleast=0.8),
            *HANGING,
        ),
    ),
    Row("scale", NOT_SERVING, {"tariff": "tariff-spare"}, REFUSED, (*QUIET, nobody_gone)),
    Row("scale", "an operator scales back", {}, REFUSED, interferes=operator),
    Row("drain", claims=(cordoned,)),
    Row("drain", "a budget lets nobody go", {}, REFUSED, QUIET, patches=BUDGET),
    Row("surge", claims=(counted_stamps(180, 300), nobody_gone)),
    Row(
        "surge",
        "asked elsewhere",
        {"entrance": "desk-spare"},
        REFUSED,
        (counted_stamps(0, 0), *QUIET, nobody_gone),
        refusal=NOT_ENTERED,
    ),
    Row("monkey", claims=(only_killed("desk-", "desk"),)),
    Row(
        "monkey",
        "a single replica",
        {"desk": "desk-spare", "entrance": "desk-spare"},
        REFUSED,
        (*QUIET, nobody_gone),
    ),
    Row("monkey", NOT_SERVING, {"desk": "desk-spare"}, REFUSED, (*QUIET, nobody_gone), refusal=NOT_ENTERED),
    Row(
        "activity", claims=(scaled_to_none("statefulsets", "shelf", FAULT_S), all_coded("parcels", 503, planned_s=10.0))
    ),
    Row("activity", "another store", {"shelf": "shelf-spare"}, REFUSED, (*QUIET, nobody_gone)),
    Row("none", claims=(*QUIET, nobody_gone)),
    Row("none", "a desk is deleted meanwhile", {}, REFUSED, interferes=passer_by, gate="gate.undisturbed"),
)
LANES = (
    ("latency", "kill", "stress", "scale", "kill-down", "empty-cache", "none"),
    ("blackhole", "errors", "pause", "drain", "surge", "monkey", "activity"),
)
"""Which faults are tried in the same office, one after the other; lanes run beside each other."""


def prepare(office: Office) -> dict[str, Any]:
    """Put a marker on both shelves, and return how the office is before a run."""
    for store in ("shelf", "shelf-spare"):
        office.kubectl("exec", f"{store}-0", "--", "redis-cli", "set", "marker", json.dumps("of the observer"))
    return {"pods": standing(office), "stamp": figures(office, "stamp"), "nodes": sorted_nodes(office)}


def sorted_nodes(office: Office) -> list[tuple[str, bool]]:
    """Return every node and whether it takes pods."""
    nodes = office.get("nodes")["items"]
    return sorted((node["metadata"]["name"], not node["spec"].get("unschedulable")) for node in nodes)


def programs(office: Office, names: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """Return programs that look at the tariff's processes, or at the shelf's size, for two minutes at most."""
    (pod,) = office.get("pods", "--selector", "app=tariff")["items"]
    uid = pod["metadata"]["uid"]
    look = (
        f"for f in $(grep -lsE '{uid}|{uid.replace('-', '_')}' /proc/[0-9]*/cgroup); do d=${{f%/cgroup}}; "
        "[ -r $d/stat ] && echo \"$(tr '\\0' ' ' <$d/cmdline)|$(cat $d/stat)\"; done"
    )
    sizes = "for i in $(seq 400); do redis-cli dbsize; sleep 0.3; done"
    every = {
        "processes": (
            "docker",
            "exec",
            pod["spec"]["nodeName"],
            "sh",
            "-c",
            f"for i in $(seq 120); do {look}; sleep 1; done",
        ),
        "sizes": office.words("exec", "shelf-0", "--", "sh", "-c", sizes),
    }
    return {name: every[name] for name in names}


def left_over(seen: Observer, fault: str) -> list[str]:
    """
    Return what a run left behind: of the office nothing may differ from before but the pods' names.

    Of the nodes only a drain is asked: the other lane may have one that goes on.
    """
    office, told = seen.office, []
    for kind in ("deployments", "statefulsets"):
        told += [
            f"{kind}/{each['metadata']['name']} has replicas {each['spec']['replicas']}, annotations {notes}"
            for each in office.get(kind)["items"]
            if (notes := [key for key in each["metadata"].get("annotations", {}) if "gameday" in key])
            or each["spec"]["replicas"] != (2 if each["metadata"]["name"] == "desk" else 1)
        ]
    told += [
        f"job {each['metadata']['name']}"
        for each in office.get("jobs")["items"]
        if each["metadata"]["name"] != "desk-migrate"
    ]
    told += [
        f"an agent runs in {pod['metadata']['name']}"
        for pod in office.get("pods")["items"]
        for container in pod["status"].get("ephemeralContainerStatuses", ())
        if "running" in container["state"]
    ]
    now = sorted_nodes(office)
    return told + ([f"nodes are {now}"] if fault == "drain" and now != seen.before["nodes"] else [])
