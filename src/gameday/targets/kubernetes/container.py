"""How an agent is declared in a pod. Pure."""

from __future__ import annotations

from typing import Any

from gameday.targets.kubernetes.image import SHOP
from gameday.targets.kubernetes.pods import AGENT, Pod
from gameday.targets.kubernetes.site import Part


def declared(pod: Pod, part: Part, mode: str, *, run: str, token: str) -> dict[str, Any]:
    """Return the next ephemeral container of a mode; its name is free as long as nobody else attaches one at the same time."""
    environment: list[dict[str, Any]] = [
        {"name": "GAMEDAY_TOKEN", "value": token},
        {"name": "GAMEDAY_RUN", "value": run},
    ]
    inside: dict[str, Any] = {}
    if mode == "process":
        inside["targetContainerName"] = pod.container
        if part.password is not None:
            key = {"name": part.password.secret, "key": part.password.key}
            environment.append({"name": "GAMEDAY_PASSWORD", "valueFrom": {"secretKeyRef": key}})
    return {
        "name": f"{AGENT}{mode}-{1 + sum(each.mode == mode for each in pod.agents)}",
        "image": SHOP.name,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "gameday.agent.pod", mode],
        "env": environment,
        "securityContext": _network() if mode == "network" else _process(pod.user),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **inside,
    }


def _network() -> dict[str, Any]:
    """Only uid 0 gets a capability that is added."""
    return {
        "runAsUser": 0,
        "runAsNonRoot": False,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
    }


def _process(user: int | None) -> dict[str, Any]:
    """The user of the processes beside it may signal them without any capability."""
    allowed: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return allowed if user is None else {**allowed, "runAsUser": user, "runAsNonRoot": user != 0}
