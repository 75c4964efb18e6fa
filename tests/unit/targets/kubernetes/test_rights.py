"""One table of rights: what the Roles grant, what is asked before a run and what the documentation says are the same."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from kubernetes.client import Configuration

from gameday.experiment.model import KindTarget, Targets
from gameday.faults import catalogue
from gameday.targets.kubernetes import requirements
from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.manifests import accounts
from gameday.targets.kubernetes.requirements import missing
from gameday.targets.kubernetes.rights import (
    EVERY,
    OF_JANITOR,
    OF_JANITOR_ON_NODES,
    USES,
    Grant,
    Right,
    needed,
    uses_of,
)
from samples import planned, shop

DOC = Path(__file__).parents[4] / "docs" / "kubernetes.md"
BEGIN, END = "<!-- rights: by pytest --renew -->\n", "<!-- end of rights -->"
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "latency": ("latency", {"edge": "load -> web", "delay": "300ms"}),
    "blackhole": ("blackhole", {"edge": "web -> payments"}),
    "errors": ("errors", {"edge": "web -> payments"}),
    "kill": ("kill", {"service": "web"}),
    "kill-down": ("kill", {"service": "web", "replicas": "all", "down": "5s"}),
    "monkey": ("monkey", {"services": ["web"]}),
    "pause": ("pause", {"service": "payments"}),
    "scale": ("scale", {"service": "web", "replicas": 0}),
    "drain": ("drain", {"service": "web"}),
    "stress": ("stress", {"service": "web", "cpu": "0.2 cores"}),
    "empty-cache": ("empty-cache", {"service": "cache"}),
}
Rights = set[tuple[str, str, str]]


def granted(text: str, kind: str = "Role", name: str = "gameday") -> Rights:
    """Return what a Role of printed manifests grants: verb, resource, and the names that it is for."""
    (role,) = (each for each in yaml.safe_load_all(text) if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return {
        (verb, resource, ",".join(rule.get("resourceNames", ())))
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def matrix() -> str:
    """Render the table of the documentation: which use needs which verb on which resource; uses with the same rights share a column."""
    columns: dict[frozenset[tuple[str, str]], list[str]] = {}
    for use, rights in USES.items():
        columns.setdefault(frozenset((right.verb, right.resource) for right in rights), []).append(use)
    every = ", ".join(f"{right.verb} {right.resource}" for right in EVERY)
    heads = " | ".join(f"`{'`, `'.join(uses)}`" for uses in columns.values())
    lines = [f"Every run: {every}.\n", f"| beyond that | {heads} |", "|---|" + "---|" * len(columns)]
    for right in needed(USES)[len(EVERY) :]:
        cells = (" ✓" if (right.verb, right.resource) in rights else "" for rights in columns)
        lines.append(f"| {right.verb} {right.resource} |" + " |".join(cells) + " |")
    return "\n".join(lines) + "\n"


def test_every_fault_has_its_rights() -> None:
    """Beside them there is a kill with down, a load of several workers, and the demo."""
    assert USES.keys() == {*catalogue(), "kill-down", "workers", "demo"}


@pytest.mark.parametrize("use", USES)
def test_the_role_of_a_use_is_no_larger_and_no_smaller_than_its_rights(use: str) -> None:
    """And no more than the Role of all of them."""
    text, whole = accounts("there", ["role"], Grant((use,))), accounts("there", ["role"])
    wanted = {(r.verb, r.resource) for r in (*EVERY, *USES[use]) if r.resource != "nodes"}
    assert {(verb, resource) for verb, resource, _ in granted(text)} == wanted
    assert granted(text) <= granted(whole)


def test_a_team_that_only_kills_pods_grants_no_job_no_workload_and_no_node() -> None:
    """Its Role reads, attaches agents, and deletes pods."""
    verbs = {(verb, resource) for verb, resource, _ in granted(accounts("there", ["role"], Grant(("kill",))))}
    changes = {each for each in verbs if each[0] not in {"get", "list", "watch"} and each[1] != "leases"}
    assert changes == {("delete", "pods"), ("patch", "pods/ephemeralcontainers"), ("create", "pods/proxy")}


def test_the_lease_is_the_only_one_and_workloads_and_nodes_are_those_that_are_named() -> None:
    """What is created has no name yet, so RBAC cannot narrow that."""
    text = accounts("there", ["role", "janitor", "node-role"], Grant(("scale", "drain"), ("web", "api"), ("w1",)))
    role, janitor, nodes = (
        granted(text),
        granted(text, name="gameday-janitor"),
        granted(text, "ClusterRole", "gameday-nodes-there"),
    )
    assert {(verb, names) for verb, resource, names in role if resource == "leases"} == {
        ("create", ""),
        *((verb, "gameday") for verb in ("get", "update", "patch", "delete")),
    }
    assert {names for verb, resource, names in role if (verb, resource) == ("patch", "deployments")} == {"web,api"}
    assert {names for _, resource, names in janitor if resource in {"deployments", "statefulsets"}} == {"web,api"}
    assert nodes == {("get", "nodes", ""), ("list", "nodes", ""), ("patch", "nodes", "w1")}


def test_the_janitor_has_what_its_program_asks_for_and_no_more() -> None:
    """Of a drain it changes no workload."""
    text = accounts("there", ["janitor"])
    wanted = {(right.verb, right.resource, "") for right in OF_JANITOR} | {("create", "events", "")}
    assert granted(text, name="gameday-janitor") == wanted
    drain = accounts("there", ["janitor"], Grant(("drain",)))
    assert granted(drain, name="gameday-janitor") == {("create", "events", "")}
    assert {right.resource for right in OF_JANITOR_ON_NODES} == {"nodes"}


class Lacking:
    """The part of an API server that says which rights there are: all but one."""

    def __init__(self, right: Right) -> None:
        """Lack this one."""
        self._right = right

    def create_self_subject_access_review(self, body: Any) -> Any:  # noqa: ANN401 - as the library has it
        """Answer for whoever asks."""
        asked = body["spec"]["resourceAttributes"]
        resource = f"{asked['resource']}/{asked['subresource']}".rstrip("/")
        lacks = (asked["verb"], asked["group"], resource) == (self._right.verb, self._right.group, self._right.resource)
        return SimpleNamespace(status=SimpleNamespace(allowed=not lacks))


@pytest.mark.parametrize("use", RUNS)
def test_each_right_that_is_lacking_is_told_with_the_narrowest_command(
    use: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every one of the fault, whichever it is, in one sentence."""
    fault = planned(*RUNS[use]).faults[0]
    assert uses_of([fault]) == (use,)
    api = Api("kind-gameday", Configuration(host="http://127.0.0.1:1"))
    monkeypatch.setattr(requirements, "open_api", lambda _: api)
    kind = KindTarget(context="kind-gameday", namespace="there", url="http://127.0.0.1:30080")
    system = shop().model_copy(update={"targets": Targets(kind=kind)})
    for right in needed((use,)):
        api.authorization = Lacking(right)
        sentences = [each for each in missing(system, [fault]) if each.startswith("this account may not")]
        if not right.vital:
            assert sentences == []
            continue
        (told,) = sentences
        assert told.startswith(f"this account may not {right.verb} {right.resource}")
        command = "node-role |" if right.of_cluster else f"role account --for {use} |"
        assert f"gameday manifests there {command}" in told


def test_the_table_of_the_documentation_is_that_of_the_code(request: pytest.FixtureRequest) -> None:
    """Renewed by ``pytest --renew``."""
    text = DOC.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    table, after = rest.split(END)
    if request.config.getoption("--renew"):
        DOC.write_text(f"{before}{BEGIN}{matrix()}{END}{after}", encoding="utf-8")
    else:
        assert table == matrix()
