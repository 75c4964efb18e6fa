"""What the API server is asked to put beside a pod's containers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gameday.experiment.parts import SecretKey
from gameday.targets.kubernetes.container import declared
from gameday.targets.kubernetes.pods import AgentContainer, Pod, User
from gameday.targets.kubernetes.site import Part

ENDED = AgentContainer("gameday-network-1", "network", "r0", "t0", running=False, over=True, waiting="")
POD = Pod(
    name="cache-1",
    uid="u1",
    service="cache",
    node="worker",
    ip="10.244.1.2",
    host_network=False,
    phase="Running",
    ready=True,
    terminating=False,
    restarts=0,
    container="redis",
    user=999,
    group=None,
    capabilities=None,
    shares_processes=False,
    agents=(ENDED,),
    created_s=0.0,
)
KEY = SecretKey(secret="shop-passwords", key="cache")  # noqa: S106 - its name
CACHE = Part(name="cache", workload="cache", kind="redis", port=6379, password=KEY)


def _declared(pod: Pod, mode: str, user: User | None = None) -> dict[str, Any]:
    return declared(pod, CACHE, mode, run="r1", key="k1", user=user)


def test_the_network_agent_has_one_capability() -> None:
    """As uid 0, because nobody else gets one that is added; nothing else is beside it."""
    wanted = _declared(POD, "network")
    assert wanted["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]}
    assert wanted["securityContext"]["runAsUser"] == 0
    assert wanted["securityContext"]["allowPrivilegeEscalation"] is False
    assert "privileged" not in wanted["securityContext"]
    assert "targetContainerName" not in wanted


def test_the_process_agent_is_who_the_process_is() -> None:
    """Without any capability; where the pod does not say who that is, the agent is whoever its own image says, and looks."""
    wanted = _declared(POD, "process")
    assert wanted["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert wanted["securityContext"]["runAsUser"] == 999
    assert wanted["targetContainerName"] == "redis"
    assert "runAsGroup" not in wanted["securityContext"]
    assert _declared(replace(POD, group=998), "process")["securityContext"]["runAsGroup"] == 998
    unsaid = _declared(replace(POD, user=None), "process")
    assert "runAsUser" not in unsaid["securityContext"]


def test_the_process_agent_is_who_the_process_was_seen_to_be() -> None:
    """By user and by group, whatever the pod declares; only root's may need capabilities, and then the container's own."""
    seen = _declared(POD, "process", User(1000, 3000, capable=False))["securityContext"]
    assert (seen["runAsUser"], seen["runAsGroup"], seen["runAsNonRoot"]) == (1000, 3000, True)
    assert seen["capabilities"] == {"drop": ["ALL"]}
    some = {"add": ["NET_BIND_SERVICE"], "drop": ["NET_RAW"]}
    for declares in (None, some):
        root = _declared(replace(POD, capabilities=declares), "process", User(0, 0, capable=True))["securityContext"]
        assert (root["runAsUser"], root["runAsGroup"], root["runAsNonRoot"]) == (0, 0, False)
        assert root["capabilities"] == (declares or {})
        assert root["allowPrivilegeEscalation"] is False


def test_a_password_is_named_and_never_told() -> None:
    """The kubelet reads it; only who asks a store has it."""
    environment = {each["name"]: each for each in _declared(POD, "process")["env"]}
    assert environment["GAMEDAY_PASSWORD"] == {
        "name": "GAMEDAY_PASSWORD",
        "valueFrom": {"secretKeyRef": {"name": "shop-passwords", "key": "cache"}},
    }
    assert "GAMEDAY_PASSWORD" not in {each["name"] for each in _declared(POD, "network")["env"]}


def test_an_agent_that_ended_keeps_its_name() -> None:
    """An ephemeral container is never removed, so the next has another number; modes are counted apart."""
    assert _declared(POD, "network")["name"] == "gameday-network-2"
    assert _declared(POD, "process")["name"] == "gameday-process-1"
