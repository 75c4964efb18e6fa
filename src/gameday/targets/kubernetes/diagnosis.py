"""Why a pod is not ready: in the words of its own events, its container's state, and what it said last."""

from __future__ import annotations

from collections.abc import Iterator

from kubernetes.client import CoreV1Event, V1ContainerStatus, V1Pod

from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.guard import PREFIX
from gameday.targets.protocol import TargetError

HOPELESS = {"ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName"}
"""Reasons that waiting does not cure."""
_IMAGE = {*HOPELESS, "ErrImagePull"}
_NO_POD_S = 3.0
"""So long a Job may have no pod although its creation was refused: a quota may be free a moment later."""
_MOST_EVENTS, _MOST_LINES, _MOST_PODS = 4, 5, 3
"""How much is told, so that it fits on a screen."""


def unready(api: Api, namespace: str) -> tuple[V1Pod, ...]:
    """Return the pods of a namespace that should be ready and are not."""
    with api.translated(f"listing the pods of {namespace}"):
        pods = api.core.list_namespaced_pod(namespace).items
    return tuple(
        pod
        for pod in pods
        if pod.metadata.deletion_timestamp is None and pod.status.phase != "Succeeded" and not _is_ready(pod)
    )


def is_hopeless(pods: tuple[V1Pod, ...]) -> bool:
    """Return whether waiting on is in vain for one of these pods."""
    return any(reason in HOPELESS for pod in pods for _, reason, _ in _waiting(pod))


def explain(api: Api, namespace: str, pods: tuple[V1Pod, ...]) -> str:
    """Tell what keeps pods from being ready: for each, where it is, its state, its own events, and its last lines."""
    return "\n".join(line for pod in pods[:_MOST_PODS] for line in _explain(api, namespace, pod)) or (
        f"no pod of {namespace} tells why; kubectl -n {namespace} get events"
    )


def _explain(api: Api, namespace: str, pod: V1Pod) -> Iterator[str]:
    name, node = pod.metadata.name, pod.spec.node_name
    yield f"pod {name}, {f'on {node}' if node else 'on no node'}, {pod.status.phase}"
    lacking = False
    for container, reason, message in _waiting(pod):
        yield f"  container {container}: {reason}{f': {message}' if message else ''}"
        lacking = lacking or reason in _IMAGE
    yield from told_by_events(api, namespace, "Pod", name)
    if lacking:
        images = ", ".join(sorted({each.image for each in pod.spec.containers}))
        yield f"  {load_image(images, node or '', api.context)}"
    elif pod.status.container_statuses:
        for line in _said(api, namespace, pod):
            yield f"  said: {line}"


def load_image(image: str, node: str, context: str) -> str:
    """Return the next step for a node that lacks an image."""
    cluster = context.removeprefix(PREFIX) if context.startswith(PREFIX) else "CLUSTER"
    where = f"node {node}" if node else "the node"
    return f"{where} lacks the image {image}: gameday up --target kind loads it, as does kind load docker-image {image} --name {cluster}"


def stuck(api: Api, namespace: str, job: str, *, waited_s: float) -> str:
    """
    Return why the pods of a Job will not start: an image that its node lacks, or a creation that is refused; empty while they still may.

    The reason stands first, in the cluster's words, then the next step.
    """
    with api.translated(f"listing the pods of job {job}"):
        pods = tuple(api.core.list_namespaced_pod(namespace, label_selector=f"job-name={job}").items)
    for pod in pods:
        for container, reason, message in _waiting(pod):
            if reason in HOPELESS:
                image = next((each.image for each in pod.spec.containers if each.name == container), "")
                said = f"{reason}{f': {message}' if message else ''}"
                return f"{said} (pod {pod.metadata.name}); {load_image(image, pod.spec.node_name or '', api.context)}"
    if pods or waited_s < _NO_POD_S:
        return ""
    refused = [each.message for each in _events(api, namespace, "Job", job) if each.reason == "FailedCreate"]
    return " ".join(str(refused[-1]).split()) if refused else ""


def told_by_events(api: Api, namespace: str, kind: str, name: str) -> Iterator[str]:
    """Yield a line for each of the newest events of an object, without those that are routine if there are others."""
    for event in _events(api, namespace, kind, name):
        yield f"  event {event.reason}: {' '.join((event.message or '').split())}"


def _is_ready(pod: V1Pod) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or ())


def _waiting(pod: V1Pod) -> Iterator[tuple[str, str, str]]:
    """Yield container, reason and message of what waits or has ended; of what waits to be started again, also how it ended."""
    statuses: list[V1ContainerStatus] = [
        *(pod.status.init_container_statuses or ()),
        *(pod.status.container_statuses or ()),
    ]
    for status in statuses:
        waiting, ended = status.state.waiting, status.state.terminated
        if waiting is not None:
            yield status.name, waiting.reason or "waiting", waiting.message or ""
            ended = status.last_state.terminated if status.last_state is not None else None
        if ended is not None:
            yield status.name, ended.reason or "ended", f"exit code {ended.exit_code}"


def _events(api: Api, namespace: str, kind: str, name: str) -> list[CoreV1Event]:
    """Return an object's own events that are no routine, the newest last."""
    try:
        with api.translated(f"listing the events of {name}"):
            chosen = f"involvedObject.kind={kind},involvedObject.name={name}"
            events: list[CoreV1Event] = api.core.list_namespaced_event(namespace, field_selector=chosen).items
    except TargetError:  # what is known without them is told all the same
        return []
    events.sort(key=lambda event: str(event.last_timestamp or event.event_time or ""))
    return ([event for event in events if event.type != "Normal"] or events)[-_MOST_EVENTS:]


def _said(api: Api, namespace: str, pod: V1Pod) -> list[str]:
    """Return the last lines of the container that is not ready; those of the one before, when it was started again."""
    status = next((each for each in pod.status.container_statuses if not each.ready), pod.status.container_statuses[0])
    again = status.restart_count > 0 and status.state.running is None
    try:
        with api.translated(f"reading the log of pod {pod.metadata.name}"):
            text: str = api.core.read_namespaced_pod_log(
                pod.metadata.name, namespace, container=status.name, tail_lines=_MOST_LINES, previous=again
            )
    except TargetError:
        return []
    return text.splitlines()
