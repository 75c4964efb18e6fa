"""Attach agents to pods, and talk to them."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from gameday.agent.wire import OPEN_FIRST, PORTS, TOKEN_HEADER
from gameday.targets.kubernetes.api import Api, ForbiddenError
from gameday.targets.kubernetes.container import declared
from gameday.targets.kubernetes.pods import AgentContainer, Pod, pod_of
from gameday.targets.kubernetes.site import Site
from gameday.targets.protocol import TargetError

NOTHING: Mapping[str, object] = MappingProxyType({})
START_S = 20.0
"""How long an agent may take to answer; it takes one second where its image is loaded, and ten where twenty start at once."""
SILENT_S = 1.5
"""How long an agent that is said to run may be silent before another is attached: the kubelet tells of an end a second later."""
ASK_S = 4.0
"""How long an agent may take to answer through the API server; without a canary it takes milliseconds."""
END_S = 20.0
"""How long the kubelet may take to tell that an agent that was asked to leave has ended; it takes one second, more where it is busy."""
_POLL_S, _LOOK_S = 0.1, 0.5
"""How often an agent is asked until it answers, and how often the pod is read meanwhile."""
_HOPELESS = (
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
)
_TAKEN = (409, 422)
"""The API server's answers to an ephemeral container whose name is taken: somebody else attached one just now."""
_OK, _NOT_YOURS, _CANNOT_NOW = 200, 403, 409


class SilentError(TargetError):
    """Nobody answers where an agent is to be."""


class StrangerError(TargetError):
    """Another agent than the one that was asked answers: it had taken the port before."""


class NoWayError(TargetError):
    """An agent leads the edge nowhere: its way was never opened, or is closed."""


def ask(
    api: Api,
    site: Site,
    pod: Pod,
    agent: AgentContainer,
    op: str,
    *,
    parameters: Mapping[str, object] = NOTHING,
    timeout_s: float = ASK_S,
) -> dict[str, Any]:
    """
    Ask an agent, and return what it answers.

    Raises:
        SilentError: It cannot be reached.
        StrangerError: Another one answers in its place.
        NoWayError: It must be told first where the edge is.
        TargetError: It refuses, in its own words.
    """
    status, text = api.pod_request(
        site.namespace,
        pod.name,
        PORTS[agent.mode],
        "/",
        method="POST",
        body=json.dumps({"op": op, **parameters}).encode(),
        headers={TOKEN_HEADER: agent.token, "Content-Type": "application/json"},
        timeout_s=timeout_s,
    )
    return read_answer(status, text, of=f"the {agent.mode} agent in pod {pod.name}")


def ask_whoever(
    api: Api,
    site: Site,
    pod: Pod,
    mode: str,
    op: str,
    *,
    parameters: Mapping[str, object] = NOTHING,
    timeout_s: float = ASK_S,
) -> dict[str, Any] | None:
    """
    Ask whichever agent of a mode serves a pod, and return what it answers; None where none does.

    The kubelet tells of a start a second later, so those that are not said to run are asked, too. Raises as ``ask`` does else.
    """
    for agent in reversed(pod.agents):
        if agent.mode == mode and not agent.over:
            with suppress(SilentError, StrangerError):
                return ask(api, site, pod, agent, op, parameters=parameters, timeout_s=timeout_s)
    return None


def read_answer(status: int, text: bytes, *, of: str) -> dict[str, Any]:
    """Read what came through the API server; raises as ``ask`` does."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or answer.get("kind") == "Status":
        said = answer.get("message") if isinstance(answer, dict) else text[:200].decode(errors="replace")
        raise SilentError(f"{of} cannot be reached: {said}")
    if status == _OK:
        return answer
    said = str(answer.get("error", f"status {status}"))
    raise _kind(status, said)(f"{of}: {said}")


def _kind(status: int, said: str) -> type[TargetError]:
    if status == _NOT_YOURS:
        return StrangerError
    return NoWayError if status == _CANNOT_NOW and said.endswith(OPEN_FIRST) else TargetError


def attach(api: Api, site: Site, pod: Pod, mode: str) -> AgentContainer:
    """
    Return a pod's agent once it answers; where there is none that does, another is put there. Idempotent.

    Raises:
        ForbiddenError: The account or the namespace does not allow it.
        TargetError: It does not start; the text has the pod's own reason.
    """
    found = pod.agent(mode)
    if found is None or (found.running and not _await(api, site, pod, found, SILENT_S)):
        found = _put(api, site, pod, mode)
    if _await(api, site, pod, found, START_S):
        return found
    if (other := _other(api, site, pod, found)) is not None and _await(api, site, pod, other, SILENT_S):
        return other
    why = _why(api, site, pod, found)
    raise TargetError(f"the {mode} agent in pod {pod.name} did not answer within {START_S:g} s{why}")


def end(api: Api, site: Site, pod: Pod, agent: AgentContainer) -> bool:
    """
    Ask an agent to leave until the kubelet says that it has; one that is just starting hears it as soon as it listens.

    Returns:
        Whether it had anything to end; False for one that never started.

    Raises:
        TargetError: It stays.
    """
    until_s, heard = time.monotonic() + END_S, False
    while (now := _now(api, site, pod, agent)) is not None and not now.over:
        if _is_hopeless(now):
            return False
        with suppress(SilentError, StrangerError):  # where another one serves, this one ends by itself
            heard = heard or bool(ask(api, site, pod, agent, "leave"))
        if time.monotonic() > until_s:
            raise TargetError(
                f"the agent {agent.name} in pod {pod.name} does not end; it ends by itself a minute after the last request"
            )
        time.sleep(_POLL_S)
    return True


def _put(api: Api, site: Site, pod: Pod, mode: str) -> AgentContainer:
    if mode == "network" and pod.host_network:
        raise TargetError(
            f"pod {pod.name} shares the network of node {pod.node} (hostNetwork), so a fault on it would hit others; "
            "choose another service"
        )
    token = secrets.token_urlsafe(24)
    wanted = declared(pod, site.part(pod.service), mode, run=site.run, token=token)
    try:
        with api.translated(f"attaching the {mode} agent to pod {pod.name}"):
            api.core.patch_namespaced_pod_ephemeralcontainers(
                pod.name,
                site.namespace,
                {"spec": {"ephemeralContainers": [wanted]}},
                _content_type="application/strategic-merge-patch+json",
            )
    except ForbiddenError as error:
        needs = "the capability NET_ADMIN" if mode == "network" else "such a container"
        raise ForbiddenError(
            f"{error}; the account needs patch on pods/ephemeralcontainers, and the namespace must admit {needs}"
        ) from error
    except TargetError as error:
        if getattr(error.__cause__, "status", None) not in _TAKEN:
            raise
        again = pod_of(api, site, pod.name, pod.service)
        if again is None or (other := again.agent(mode)) is None:
            raise
        return other
    return AgentContainer(str(wanted["name"]), mode, site.run, token, running=False, over=False, waiting="")


def _await(api: Api, site: Site, pod: Pod, agent: AgentContainer, within_s: float) -> bool:
    """Wait until it answers; tell whether it does. Raises ``TargetError`` as soon as the kubelet says that it never will."""
    until_s = time.monotonic() + within_s
    look_s = time.monotonic() + _LOOK_S
    while True:
        try:
            ask(api, site, pod, agent, "hello")
        except (SilentError, StrangerError):
            pass
        else:
            return True
        if time.monotonic() > until_s:
            return False
        if time.monotonic() > look_s:
            look_s = time.monotonic() + _LOOK_S
            if _is_over(api, site, pod, agent):
                return False
        time.sleep(_POLL_S)


def _is_over(api: Api, site: Site, pod: Pod, agent: AgentContainer) -> bool:
    now = _now(api, site, pod, agent)
    if now is not None and _is_hopeless(now):
        raise TargetError(
            f"agent {now.name} does not start in pod {pod.name}: {now.waiting}; "
            "load its image onto every node: gameday up --target kind"
        )
    return now is None or now.over


def _is_hopeless(agent: AgentContainer) -> bool:
    return agent.waiting.partition(":")[0] in _HOPELESS


def _other(api: Api, site: Site, pod: Pod, agent: AgentContainer) -> AgentContainer | None:
    """Find the agent that had taken the port before one that ended because of it."""
    again = pod_of(api, site, pod.name, pod.service)
    found = again.agent(agent.mode) if again is not None and again.uid == pod.uid else None
    return found if found is not None and found.name != agent.name else None


def _why(api: Api, site: Site, pod: Pod, agent: AgentContainer) -> str:
    now = _now(api, site, pod, agent)
    if now is None:
        return ": the pod is gone"
    if now.over:
        return f": it has ended; see: kubectl logs -n {site.namespace} {pod.name} -c {agent.name}"
    return f": {now.waiting}" if now.waiting else f"; see: kubectl describe pod -n {site.namespace} {pod.name}"


def _now(api: Api, site: Site, pod: Pod, agent: AgentContainer) -> AgentContainer | None:
    again = pod_of(api, site, pod.name, pod.service)
    if again is None or again.uid != pod.uid:
        return None
    return next((each for each in again.agents if each.name == agent.name), None)
