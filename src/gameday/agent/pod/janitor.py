"""
Undo a change of a Deployment or a node when nobody extends its lease any more: the janitor's program, in a pod of its own.

``python -m gameday.agent.pod.janitor API_PATH JOB NAMESPACE FIRST_S``: first it tries all that an undo would ask of the API server, as dry
runs that change nothing, and ends with ``REFUSED`` when it may not: the change is then never made. Else it listens on ``JANITOR_PORT``, by which
its pod becomes ready, looks at the object twice a second, and ends when the annotation that names its Job is gone, or has not come within
``FIRST_S``. It has the standard library alone, and the rights of its pod's service account. What it is refused stands in its log, in its
container's termination message and in an event of its Job.
"""

from __future__ import annotations

import json
import re
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gameday.agent.pod.route import listener
from gameday.agent.wire import JANITOR_PORT

UNDO = "gameday.dev/undo"
"""The annotation that says how an object was, whose fault it has, and until when."""
COST = "controller.kubernetes.io/pod-deletion-cost"
"""Kubernetes' own: of a ReplicaSet's pods, those with the lowest cost end first when it is scaled down."""
API = "https://kubernetes.default.svc"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
LOOK_S = 0.5
"""How often it looks: a tenth of the shortest lease."""
SILENT_S = 2.0
"""The deadline is the runner's clock's; so long nothing must have changed too, two renewals, so that a wrong clock undoes nothing."""
ANSWER_S = 5.0
"""How long the API server may take to answer; then it is asked again."""
REFUSED = 3
"""Its exit code when it may not do what an undo needs."""
REHEARSAL = "gameday-rehearsal"
"""A name that no object has: who may not patch such objects is refused before anybody looks for it."""
TERMINATION = Path("/dev/termination-log")
UNTRIED = "does not support dry run"
"""What the API server says where an admission webhook has effects of its own: it is not asked in a dry run, so it refuses nothing yet."""
_DRY = "?dryRun=All"
_NOT_NOW = frozenset({408, 409, 425, 429})
"""Statuses below 500 that may be others a moment later."""

_MOST_REPLICAS = 100_000
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
"""What a pod may be called."""

Message = dict[str, Any]  # JSON as the API has it
Ask = Callable[[str, str, Message | None], Message | None]
"""Method, path and merge patch -> the answer; None where there is no such object."""


def may_restore(patch: object, pods: object, *, node: bool) -> bool:
    """
    Return whether an annotation asks for what a fault changes and for nothing else.

    That is the number of a workload's replicas and its pods' deletion costs, or whether a node takes pods: whoever can write an annotation
    must not have others write all the rest of the object.
    """
    spec = patch["spec"] if isinstance(patch, dict) and patch.keys() == {"spec"} else None
    if not isinstance(spec, dict) or not isinstance(pods, list | tuple):
        return False
    if not all(isinstance(pod, str) and _NAME.fullmatch(pod) for pod in pods):
        return False
    if node:
        return spec.keys() == {"unschedulable"} and any(spec["unschedulable"] is each for each in (True, False, None))
    count = spec.get("replicas")
    return spec.keys() == {"replicas"} and type(count) is int and 0 <= count <= _MOST_REPLICAS


class BusyError(Exception):
    """The API server gave no answer, or refused; it is asked again."""


class RefusedError(BusyError):
    """The API server, or what admits changes there, said that this account may not; the text is its own."""


@dataclass(slots=True)
class Watched:
    """The annotation as it was seen last, and since when it is so."""

    text: str
    since_s: float

    def is_over(self, text: str, *, now_s: float, wall: datetime) -> bool:
        """Return whether the lease has ended: unchanged for as long as it lasts, or past its deadline and silent."""
        if text != self.text:
            self.text, self.since_s = text, now_s
        value, silent_s = json.loads(text), now_s - self.since_s
        passed = wall > datetime.fromisoformat(value["deadline"])
        return silent_s >= float(value["lease_s"]) or (passed and silent_s >= SILENT_S)


def look(ask: Ask, path: str, job: str) -> Message | None:
    """Read the object; None when it, or the annotation that names this Job, is not there."""
    found = ask("GET", path, None)
    return found if found is not None and _names(found, job) else None


def _names(found: Message, job: str) -> bool:
    """Return whether an object has an annotation that names this Job; a broken one names nobody."""
    try:
        noted = json.loads(found["metadata"]["annotations"][UNDO])
    except (KeyError, TypeError, ValueError, RecursionError):
        return False
    return isinstance(noted, dict) and noted.get("janitor") == job


def rehearse(ask: Ask, path: str, namespace: str) -> None:
    """
    Try everything that an undo of the object would ask, as dry runs; changes nothing.

    Raises:
        RefusedError: This account may not do one of them, or an admission webhook does not let it.
        BusyError: The API server gave no answer.
    """

    def change(path: str, body: Message) -> None:
        try:
            ask("PATCH", path + _DRY, body)
        except RefusedError as error:
            if UNTRIED not in str(error):
                raise

    found = ask("GET", path, None)
    if found is None:
        raise RefusedError(f"GET {path}: there is no such object")
    spec = {key: found["spec"][key] for key in ("unschedulable", "replicas") if key in found.get("spec", {})}
    change(path, {"metadata": {"annotations": {UNDO: None}}, "spec": spec})
    if "/nodes/" in path:
        return
    none = {"metadata": {"annotations": {COST: None}}}
    change(f"/api/v1/namespaces/{namespace}/pods/{REHEARSAL}", none)
    if "/deployments/" in path:
        sets = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
        ask("GET", sets, None)
        change(f"{sets}/{REHEARSAL}", {"metadata": {"annotations": {UNDO: None}}})


def undo(ask: Ask, path: str, namespace: str, found: Message) -> None:
    """
    Bring back what the annotation says.

    Raises:
        BusyError: The object has changed since it was read.
        RefusedError: The annotation asks for something that no fault changes.
    """
    meta = found["metadata"]
    noted = json.loads(meta["annotations"][UNDO])
    wanted = noted["undo"]
    if not may_restore(wanted["patch"], wanted["pods"], node="/nodes/" in path):
        raise RefusedError(f"the annotation {UNDO} asks for more than a fault changes: {json.dumps(wanted)[:200]}")
    for pod in wanted["pods"]:
        ask("PATCH", f"/api/v1/namespaces/{namespace}/pods/{pod}", {"metadata": {"annotations": {COST: None}}})
    gone = {"resourceVersion": meta["resourceVersion"], "annotations": {UNDO: None}}
    ask("PATCH", path, {"metadata": gone, **wanted["patch"]})
    forget(ask, path, namespace, noted["janitor"])


def forget(ask: Ask, path: str, namespace: str, job: str) -> None:
    """Remove the copies of the annotation that names this Job: a Deployment's are written on its ReplicaSet, and a rollback would bring them back."""
    if "/deployments/" not in path:
        return
    sets = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
    for each in (ask("GET", sets, None) or {}).get("items", ()):
        if _names(each, job):
            ask("PATCH", f"{sets}/{each['metadata']['name']}", {"metadata": {"annotations": {UNDO: None}}})


def keep(
    ask: Ask,
    path: str,
    job: str,
    namespace: str,
    looks: Iterator[float],
    *,
    first_s: float,
    report: Callable[[str], None] = print,
) -> str:
    """
    Look until there is nothing more to do, and say in one sentence why; ``looks`` yields the monotonic time of each look.

    The annotation that names this Job may take ``first_s`` to come. What it is refused is given to ``report``, once for each text, and tried
    again: the right may be granted.
    """
    watched, began_s, reported = None, None, ""
    for now_s in looks:
        began_s = now_s if began_s is None else began_s
        try:
            found = look(ask, path, job)
            if found is None and (watched is not None or now_s - began_s > first_s):
                forget(ask, path, namespace, job)  # whoever undid it may have been killed before it came to that
                return f"{path} is as it was" if watched else f"{path} was not changed"
            if found is None:
                continue
            text = str(found["metadata"]["annotations"][UNDO])
            watched = watched or Watched(text, now_s)
            if watched.is_over(text, now_s=now_s, wall=datetime.now(UTC)):
                undo(ask, path, namespace, found)
                return f"{path} was brought back: nobody extended its lease"
        except BusyError as error:
            print(error, flush=True)  # noqa: T201 - the pod's log
            if isinstance(error, RefusedError) and (reason := str(error)) != reported:
                reported = reason
                report(f"the undo of {path} is refused, and is tried again: {reason}")
    return "there was no time left"


def ticks() -> Iterator[float]:
    """Yield the time of every look; its Job's own deadline ends it."""
    while True:
        yield time.monotonic()
        time.sleep(LOOK_S)


def asker(account: Path, api: str) -> Ask:
    """Return what asks the API server with the service account's rights; its token is read anew each time, as it is replaced."""
    context = ssl.create_default_context(cafile=str(account / "ca.crt"))

    def ask(method: str, path: str, body: Message | None) -> Message | None:
        headers: Mapping[str, str] = {
            "Authorization": f"Bearer {(account / 'token').read_text(encoding='ascii').strip()}",
            "Content-Type": "application/json" if method == "POST" else "application/merge-patch+json",
        }
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(api + path, data, dict(headers), method=method)  # noqa: S310 - https, as above
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S, context=context) as answer:  # noqa: S310 - same
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return None
                kind = RefusedError if error.code < 500 and error.code not in _NOT_NOW else BusyError
                raise kind(f"{method} {path}: {error.code} {_words(error.read(4000))}") from error
        except (OSError, ValueError) as error:
            raise BusyError(f"{method} {path}: {error}") from error

    return ask


def _words(body: bytes) -> str:
    """Return the message of the API server's answer, or the beginning of any other."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body[:300].decode(errors="replace")


def report_refusal(ask: Ask, job: str, namespace: str, text: str) -> None:
    """Write a refusal where people and the runner look for it: the container's termination message, and an event of the Job."""
    with suppress(OSError):
        TERMINATION.write_text(text, encoding="utf-8")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{job}-", "namespace": namespace},
        "involvedObject": {"apiVersion": "batch/v1", "kind": "Job", "name": job, "namespace": namespace},
        "type": "Warning",
        "reason": "UndoRefused",
        "message": text[:1000],
        "source": {"component": "gameday-janitor"},
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
    }
    with suppress(BusyError):  # who may not write events has the log and the message
        ask("POST", f"/api/v1/namespaces/{namespace}/events", event)


def main(path: str, job: str, namespace: str, first_s: float) -> int:
    """Rehearse, become ready, watch; return the exit code."""
    ask = asker(ACCOUNT, API)
    for _ in ticks():
        try:
            rehearse(ask, path, namespace)
        except RefusedError as error:
            print(error, flush=True)  # noqa: T201 - the pod's log
            report_refusal(ask, job, namespace, str(error))
            return REFUSED
        except BusyError as error:
            print(error, flush=True)  # noqa: T201 - same
        else:
            break
    with listener(JANITOR_PORT):

        def report(text: str) -> None:
            report_refusal(ask, job, namespace, text)

        why = keep(ask, path, job, namespace, ticks(), first_s=first_s, report=report)
    print(why, flush=True)  # noqa: T201 - same
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
