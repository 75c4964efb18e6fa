"""What an observer from outside must have seen of a fault: its length, its codes, its pods, its processes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from two_tier.observer import LATE_S, Observer, Spell
from two_tier.office import Office

HERTZ = 100.0
"""Ticks a second in /proc/PID/stat, on every Linux that runs a kind cluster."""
FAULT_S = 8.0
"""``phases.fault`` of the experiments."""
EDGE_S = 3.5
"""How much longer or shorter an effect may be seen, by when it is put on and by what waits in it."""

Claim = Callable[[Observer], str | None]
"""Looks at what was seen; returns what is wrong with it."""


def lasts(spell: Spell, what: str, *, atleast: float = 0.9, planned_s: float = FAULT_S) -> str | None:
    """Return what is wrong with a spell that should have taken about as long as the fault was planned."""
    right = abs(spell.lasted_s - planned_s) <= EDGE_S and spell.share >= atleast
    return None if right else f"{what}: seen {spell.lasted_s:.1f} s long, in {spell.share:.0%} of {spell.n} requests"


def all_late(route: str, *, planned_s: float = FAULT_S, atleast: float = 0.9) -> Claim:
    """Claim that answers of a route were late while the fault was planned, and at no other time."""
    return lambda seen: lasts(seen.late(route), f"late answers of {route}", planned_s=planned_s, atleast=atleast)


def all_coded(route: str, *codes: int, planned_s: float = FAULT_S, atleast: float = 0.9) -> Claim:
    """Claim that a route answered with these codes while the fault was planned, and at no other time."""
    return lambda seen: lasts(
        seen.status(route, *codes), f"answers {codes} of {route}", planned_s=planned_s, atleast=atleast
    )


def untouched(*routes: str) -> Claim:
    """Claim that nothing was seen on these routes: at most two bad or late answers of a hundred and fifty."""

    def look(seen: Observer) -> str | None:
        told = []
        for route in routes:
            limit_s = seen.usual_s(route) + LATE_S
            sights = seen.sights(route)
            bad = sum(each.status != 200 or each.took_s > limit_s for each in sights)
            if bad > max(3, 0.04 * len(sights)):
                told.append(f"{route}: {bad} of {len(sights)} bad or late")
        return "; ".join(told) or None

    return look


def ended_containers(seen: Observer) -> dict[str, dict[str, int]]:
    """Return the exit codes of containers that ended in pods that were there before, by pod and container."""
    ended: dict[str, dict[str, int]] = defaultdict(dict)
    for _, pod in seen.states("pods"):
        if pod["metadata"]["uid"] in seen.before["pods"]:
            for container in pod["status"].get("containerStatuses", ()):
                for state in (container["state"], container.get("lastState", {})):
                    if "terminated" in state:
                        ended[pod["metadata"]["name"]][container["name"]] = state["terminated"]["exitCode"]
    return ended


def gone_pods(seen: Observer) -> list[str]:
    """Return the names of pods of before that are not there any more, or on their way out."""
    there = standing(seen.office)
    return sorted(name for uid, name in seen.before["pods"].items() if uid not in there)


def standing(office: Office) -> dict[str, str]:
    """Return the names of the pods that are there to stay, by their ids."""
    pods = [pod["metadata"] for pod in office.get("pods")["items"]]
    return {pod["uid"]: pod["name"] for pod in pods if "deletionTimestamp" not in pod}


def only_killed(prefix: str, app: str, n: int = 1) -> Claim:
    """Claim that n pods of an app crashed, without a word before, and that no other pod did."""

    def look(seen: Observer) -> str | None:
        gone, ended = gone_pods(seen), ended_containers(seen)
        codes = {name: ended.get(name, {}).get(app) for name in gone}
        right = len(gone) == n and all(name.startswith(prefix) for name in gone) and set(codes.values()) == {137}
        return None if right else f"gone are {codes} (pod: exit code of {app}), should be {n} of {prefix} with 137"

    return look


def nobody_gone(seen: Observer) -> str | None:
    """Claim that every pod of before is there, and none of its containers ended."""
    gone, ended = gone_pods(seen), dict(ended_containers(seen))
    return f"gone: {gone}; ended: {ended}" if gone or ended else None


def scaled_to_none(kind: str, name: str, planned_s: float) -> Claim:
    """Claim that a workload was without replicas for as long as planned."""

    def look(seen: Observer) -> str | None:
        took_s = seen.crossed(kind, name, lambda state: state["spec"]["replicas"] == 0)
        return None if abs(took_s - planned_s) <= EDGE_S else f"{name} had no replicas for {took_s:.1f} s"

    return look


def cordoned(seen: Observer) -> str | None:
    """Claim that a node with a desk took no pods for a while, and that the desk left it."""
    nodes = {state["metadata"]["name"] for _, state in seen.states("nodes") if state["spec"].get("unschedulable")}
    times = {
        name: seen.crossed("nodes", name, lambda state: bool(state["spec"].get("unschedulable"))) for name in nodes
    }
    gone = [name for name in gone_pods(seen) if name.startswith("desk-")]
    right = any(5.0 <= took_s <= 20.0 for took_s in times.values()) and gone
    return None if right else f"cordons: {times}, desks that left: {gone}"


def emptied(store: str) -> Claim:
    """Claim that a store lost what the observer had put into it, and has prices again."""

    def look(seen: Observer) -> str | None:
        sizes = [int(line) for _, line in seen.streams["sizes"].lines if line.isdigit()]
        marker = seen.office.kubectl("exec", f"{store}-0", "--", "redis-cli", "exists", "marker").strip()
        right = sizes and min(sizes) < max(sizes) / 2 and marker == "0"
        return (
            None if right else f"keys: {sizes[:3]}..., at least {min(sizes, default=-1)}; the marker's count {marker}"
        )

    return look


def processes(seen: Observer) -> list[tuple[float, str, str, str, float]]:
    """Return what the node said of the tariff's processes: when, id, command, state, processor seconds."""
    said = []
    for at_s, line in seen.streams["processes"].lines:
        command, _, numbers = line.partition("|")
        if numbers:
            words = numbers.rpartition(")")[2].split()
            said.append((at_s, numbers.split()[0], command, words[0], (int(words[11]) + int(words[12])) / HERTZ))
    return said


def stopped(seen: Observer) -> str | None:
    """Claim that the tariff's own process was stopped while the fault was planned, and goes on."""
    states = [(at_s, state) for at_s, _, command, state, _ in processes(seen) if "image.office tariff" in command]
    stops = [at_s for at_s, state in states if state in "tT"]
    took_s = stops[-1] - stops[0] if stops else 0.0
    right = abs(took_s - FAULT_S) <= EDGE_S and states[-1][1] not in "tT"
    return None if right else f"the tariff's process was stopped for {took_s:.1f} s, at last {states[-1:]}"


def stressed(seen: Observer) -> str | None:
    """Claim that something in the tariff's pod took half a core while the fault was planned."""
    spent = {number: cpu_s for _, number, command, _, cpu_s in processes(seen) if "image.office" not in command}
    took_s = sum(spent.values())
    return (
        None if 0.6 * 0.5 * FAULT_S <= took_s <= 2 * 0.5 * FAULT_S else f"beside the tariff {took_s:.1f} s were spent"
    )


def counted_stamps(least: int, most: int) -> Claim:
    """Claim how many stamps the desks counted themselves."""

    def look(seen: Observer) -> str | None:
        n = figures(seen.office, "stamp") - seen.before["stamp"]
        return None if least <= n <= most else f"the desks counted {n} stamps, should be {least} to {most}"

    return look


def figures(office: Office, route: str) -> int:
    """Return how many answers of a route the desks have counted."""
    total = 0
    for pod in office.get("pods", "--selector", "app=desk")["items"]:
        path = f"/api/v1/namespaces/{office.namespace}/pods/{pod['metadata']['name']}:9797/proxy/figures"
        page = office.kubectl("get", "--raw", path)
        total += sum(int(line.split()[-1]) for line in page.splitlines() if f'route="{route}"' in line)
    return total
