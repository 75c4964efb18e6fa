"""Attach agents to pods, and talk to them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from types import MappingProxyType
from typing import Any

from gameday.agent.pod.janitor import UNTRIED
from gameday.agent.proof import REFUSED, Commander, ForgedError
from gameday.agent.wire import OPEN_FIRST, PORTS, PROOF_HEADER
from gameday.record.signing import derive
from gameday.targets.kubernetes.api import Api, ForbiddenError, NotFoundError
from gameday.targets.kubernetes.container import address, declared
from gameday.targets.kubernetes.diagnosis import load_image
from gameday.targets.kubernetes.image import SHOP
from gameday.targets.kubernetes.manifests import apply_command
from gameday.targets.kubernetes.pods import AgentContainer, Pod, User, pod_of
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
STRANGER_END_S = 90.0
"""How long an agent of another user or machine may take to end: its ways after 15 s, itself a minute after the last
command."""
_LOG_BYTES = 1 << 14
"""So far into a log is looked for what its container announces; it is the first line."""
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
_OK, _CANNOT_NOW = 200, 409


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
    commander, of = commander_of(agent.run), f"the {agent.mode} agent in pod {pod.name}"
    if agent.key != commander.public:
        raise StrangerError(
            f"{of} takes commands of run {agent.run} only from the user and the machine that attached it"
        )
    body, to = json.dumps({"op": op, **parameters}).encode(), address(pod, agent.name)

    def send(proof: str) -> tuple[int, bytes]:
        return api.pod_request(
            site.namespace,
            pod.name,
            PORTS[agent.mode],
            "/",
            method="POST",
            body=body,
            headers={PROOF_HEADER: proof, "Content-Type": "application/json"},
            timeout_s=timeout_s,
        )

    try:
        status, said, boot = commander.command(to, "/", body, send)
        answer = read_answer(status, said, of=of)
        if agent.running:  # else the kubelet may not hand on its log yet
            commander.see_announced(to, boot, lambda: log_of(api, site.namespace, pod.name, agent.name))
    except ForgedError as error:
        raise StrangerError(f"{of}: {error}") from None
    return judged(status, answer, of=of)


@cache
def commander_of(run: str) -> Commander:
    """
    Return what commands the agents of a run, in any process of the user who began it.

    Raises:
        TargetError: This user cannot have a key.
    """
    seed = derive(f"agents of run {run}")
    if seed is None:
        raise TargetError(
            "agents take commands only with a key of this user, and none can be kept; next: set XDG_STATE_HOME to a folder "
            "that only you can write (by default the key is in ~/.local/state/gameday)"
        )
    return Commander(seed)


def log_of(api: Api, namespace: str, pod: str, container: str) -> str:
    """Return the beginning of a container's log, as the kubelet hands it on. Raises ``TargetError``."""
    with api.translated(f"reading the log of {container} in pod {pod}"):
        return str(api.core.read_namespaced_pod_log(pod, namespace, container=container, limit_bytes=_LOG_BYTES) or "")


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
    """Read what came through the API server. Raises ``SilentError`` for what no agent says."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or answer.get("kind") == "Status":
        said = answer.get("message") if isinstance(answer, dict) else text[:200].decode(errors="replace")
        raise SilentError(f"{of} cannot be reached: {said or f'status {status}'}")
    return answer


def judged(status: int, answer: dict[str, Any], *, of: str) -> dict[str, Any]:
    """Return what an agent answers when it did what it was asked; raises as ``ask`` does."""
    if status == _OK:
        return answer
    said = str(answer.get("error", f"status {status}"))
    raise _kind(status, said)(f"{of}: {said}")


def _kind(status: int, said: str) -> type[TargetError]:
    if status == REFUSED:
        return StrangerError
    return NoWayError if status == _CANNOT_NOW and said.endswith(OPEN_FIRST) else TargetError


def attach(api: Api, site: Site, pod: Pod, mode: str, *, user: User | None = None) -> AgentContainer:
    """
    Return a pod's agent once it answers; where there is none that does, another is put there, as ``user``. Idempotent.

    Raises:
        ForbiddenError: The account or the namespace does not allow it.
        TargetError: It does not start; the text has the pod's own reason.
    """
    found = pod.agent(mode)
    if found is None or (found.running and not _await(api, site, pod, found, SILENT_S)):
        found = _put(api, site, pod, mode, user)
    return _answering(api, site, pod, found)


def exchange(api: Api, site: Site, pod: Pod, agent: AgentContainer, user: User) -> AgentContainer:
    """Put an agent that runs as ``user`` in the place of one that does not; it leaves first. Raises as ``attach`` does."""
    with suppress(SilentError, StrangerError):
        ask(api, site, pod, agent, "leave")
    now = pod_of(api, site, pod.name, pod.service)
    if now is None or now.uid != pod.uid:
        raise NotFoundError(f"pod {pod.name} is gone")
    newest = now.agent(agent.mode)
    if newest is None or newest.name == agent.name:  # else somebody was faster
        newest = _put(api, site, now, agent.mode, user)
    return _answering(api, site, now, newest)


def _answering(api: Api, site: Site, pod: Pod, found: AgentContainer) -> AgentContainer:
    """Return an agent that is starting once it answers, or the one that had taken its place. Raises as ``attach`` does."""
    mode = found.mode
    if _await(api, site, pod, found, START_S):
        return found
    if (other := _other(api, site, pod, found)) is not None and _await(api, site, pod, other, SILENT_S):
        return other
    why = _why(api, site, pod, found)
    raise TargetError(f"the {mode} agent in pod {pod.name} did not answer within {START_S:g} s{why}")


def rehearse(api: Api, site: Site, pod: Pod, mode: str) -> None:
    """
    Ask the API server whether it would admit a pod's agent, exactly as it would be attached; changes nothing.

    Raises:
        ForbiddenError: The account or the namespace does not allow it.
        TargetError: It is refused otherwise; the text has the reason.
    """
    try:
        _put(api, site, pod, mode, None, dry_run="All")
    except TargetError as error:
        if UNTRIED not in str(error):
            raise


def end(api: Api, site: Site, pod: Pod, agent: AgentContainer) -> bool:
    """
    Ask an agent to leave until the kubelet says that it has; one that is just starting hears it as soon as it listens.

    Returns:
        Whether it had anything to end; False for one that never started.

    Raises:
        TargetError: It stays.
    """
    is_ours = agent.key == commander_of(agent.run).public
    until_s, heard = time.monotonic() + (END_S if is_ours else STRANGER_END_S), False
    while (now := _now(api, site, pod, agent)) is not None and not now.over:
        if _is_hopeless(now):
            return False
        with suppress(SilentError, StrangerError):  # where another one answers, or commands, it ends by itself
            heard = heard or bool(ask(api, site, pod, agent, "leave"))
        if time.monotonic() > until_s:
            raise TargetError(
                f"the agent {agent.name} in pod {pod.name} does not end; "
                "it ends by itself a minute after the last command"
                + ("" if is_ours else ", which it takes only from the user and the machine that attached it")
            )
        time.sleep(_POLL_S)
    return True


def _put(api: Api, site: Site, pod: Pod, mode: str, user: User | None, **how: str) -> AgentContainer:
    if mode == "network" and pod.host_network:
        raise TargetError(
            f"pod {pod.name} shares the network of node {pod.node} (hostNetwork), so a fault on it would hit others; "
            "choose another service"
        )
    key = commander_of(site.run).public
    wanted = declared(pod, site.part(pod.service), mode, run=site.run, key=key, user=user)
    try:
        with api.translated(f"attaching the {mode} agent to pod {pod.name}"):
            api.core.patch_namespaced_pod_ephemeralcontainers(
                pod.name,
                site.namespace,
                {"spec": {"ephemeralContainers": [wanted]}},
                _content_type="application/strategic-merge-patch+json",
                **how,
            )
    except ForbiddenError as error:
        raise ForbiddenError(f"{error}; {_cure(site, mode, str(error))}") from error
    except TargetError as error:
        if getattr(error.__cause__, "status", None) not in _TAKEN:
            raise
        again = pod_of(api, site, pod.name, pod.service)
        if again is None or (other := again.agent(mode)) is None:
            raise
        return other
    return AgentContainer(str(wanted["name"]), mode, site.run, key, running=False, over=False, waiting="")


def _cure(site: Site, mode: str, refusal: str) -> str:
    """Return the next step: a right that the account lacks, or an admission that the namespace's owner decides on."""
    if " cannot patch resource " in refusal:
        return f"next: {apply_command(site.context, site.namespace, 'role', 'account')}"
    needs = "an ephemeral container with NET_ADMIN" if mode == "network" else "an ephemeral container"
    return f"next: let the namespace {site.namespace} admit {needs}, or choose a fault that needs none"


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
            f"{now.waiting} (agent {now.name} in pod {pod.name}); {load_image(SHOP.name, pod.node, api.context)}"
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
