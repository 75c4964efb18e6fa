"""How an agent is declared in a pod. Pure."""

from __future__ import annotations

from typing import Any

from gameday.targets.kubernetes.image import SHOP
from gameday.targets.kubernetes.pods import AGENT, Pod, User
from gameday.targets.kubernetes.site import Part


def declared(pod: Pod, part: Part, mode: str, *, run: str, key: str, user: User | None = None) -> dict[str, Any]:
    """
    Return the next ephemeral container of a mode; its name is free as long as nobody else attaches one at the same time.

    Whose commands it takes is the public part ``key`` of a pair: nothing in a spec is a secret. A process agent is
    ``user``, as which the container beside it was seen to run; None where nobody has looked: then whoever the pod
    declares.
    """
    name = f"{AGENT}{mode}-{1 + sum(each.mode == mode for each in pod.agents)}"
    environment: list[dict[str, Any]] = [
        {"name": "GAMEDAY_KEY", "value": key},
        {"name": "GAMEDAY_AGENT", "value": address(pod, name)},
        {"name": "GAMEDAY_RUN", "value": run},
    ]
    inside: dict[str, Any] = {}
    if mode == "process":
        inside["targetContainerName"] = pod.container
        if part.password is not None:
            lies = {"name": part.password.secret, "key": part.password.key}
            environment.append({"name": "GAMEDAY_PASSWORD", "valueFrom": {"secretKeyRef": lies}})
    return {
        "name": name,
        "image": SHOP.name,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "gameday.agent.pod", mode],
        "env": environment,
        "securityContext": _network() if mode == "network" else _process(pod, user),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **inside,
    }


def address(pod: Pod, name: str) -> str:
    """Return to whom commands for an agent are, as proofs name it: no other pod's, and no other agent of this one."""
    return f"{pod.uid}/{name}"


def _network() -> dict[str, Any]:
    """Only uid 0 gets a capability that is added."""
    return {
        "runAsUser": 0,
        "runAsNonRoot": False,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
    }


def _process(pod: Pod, user: User | None) -> dict[str, Any]:
    """
    The user and group of the processes beside it may trace them, if it lacks none of their capabilities.

    Where they have some, they are the container's, who need not be root's alone to keep them: the agent gets the same and no other.
    """
    uid, gid = (user.uid, user.gid) if user is not None else (pod.user, pod.group)
    mirrored = user is not None and user.capable
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": dict(pod.capabilities or {}) if mirrored else {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
        **({} if uid is None else {"runAsUser": uid, "runAsNonRoot": uid != 0}),
        **({} if gid is None else {"runAsGroup": gid}),
    }
