"""
Undo a change of a Deployment or a node when nobody extends its lease any more: the janitor's program, in a pod of its own.

``python -m gameday.agent.pod.janitor API_PATH JOB NAMESPACE FIRST_S``: it looks at the object twice a second, and ends when the annotation
that names its Job is gone, or has not come within ``FIRST_S``. It has the standard library alone, and the rights of its pod's service
account.
"""

from __future__ import annotations

import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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

Message = dict[str, Any]  # JSON as the API has it
Ask = Callable[[str, str, Message | None], Message | None]
"""Method, path and merge patch -> the answer; None where there is no such object."""


class BusyError(Exception):
    """The API server gave no answer, or refused; it is asked again."""


@dataclass(slots=True)
class Watched:
    """The annotation as it was seen last, and since when it is so."""

    text: str
    since_s: float

    def is_over(self, text: str, *, now_s: float, wall: datetime) -> bool:
        """Tell whether the lease has ended: unchanged for as long as it lasts, or past its deadline and silent."""
        if text != self.text:
            self.text, self.since_s = text, now_s
        value, silent_s = json.loads(text), now_s - self.since_s
        passed = wall > datetime.fromisoformat(value["deadline"])
        return silent_s >= float(value["lease_s"]) or (passed and silent_s >= SILENT_S)


def look(ask: Ask, path: str, job: str) -> Message | None:
    """Read the object; None when it, or the annotation that names this Job, is not there."""
    found = ask("GET", path, None)
    text = (found or {}).get("metadata", {}).get("annotations", {}).get(UNDO)
    return found if text and json.loads(text)["janitor"] == job else None


def undo(ask: Ask, path: str, namespace: str, found: Message) -> None:
    """Bring back what the annotation says; raises ``BusyError`` when the object has changed since it was read."""
    meta = found["metadata"]
    noted = json.loads(meta["annotations"][UNDO])
    wanted = noted["undo"]
    for pod in wanted["pods"]:
        ask("PATCH", f"/api/v1/namespaces/{namespace}/pods/{pod}", {"metadata": {"annotations": {COST: None}}})
    gone = {"resourceVersion": meta["resourceVersion"], "annotations": {UNDO: None}}
    ask("PATCH", path, {"metadata": gone, **wanted["patch"]})
    if "/deployments/" in path:
        forget(ask, namespace, noted["janitor"])


def forget(ask: Ask, namespace: str, job: str) -> None:
    """Remove the copies of the annotation that names this Job: a Deployment's are written on its ReplicaSet, and a rollback would bring them back."""
    sets = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
    for each in (ask("GET", sets, None) or {}).get("items", ()):
        text = each["metadata"].get("annotations", {}).get(UNDO)
        if text and json.loads(text)["janitor"] == job:
            ask("PATCH", f"{sets}/{each['metadata']['name']}", {"metadata": {"annotations": {UNDO: None}}})


def keep(ask: Ask, path: str, job: str, namespace: str, looks: Iterator[float], *, first_s: float) -> str:
    """
    Look until there is nothing more to do, and say in one sentence why; ``looks`` yields the monotonic time of each look.

    The annotation that names this Job may take ``first_s`` to come.
    """
    watched, began_s = None, None
    for now_s in looks:
        began_s = now_s if began_s is None else began_s
        try:
            found = look(ask, path, job)
            if found is None and (watched is not None or now_s - began_s > first_s):
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
            "Content-Type": "application/merge-patch+json",
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
                raise BusyError(f"{method} {path}: {error.code} {error.read(300).decode(errors='replace')}") from error
        except (OSError, ValueError) as error:
            raise BusyError(f"{method} {path}: {error}") from error

    return ask


if __name__ == "__main__":
    PATH, JOB, NAMESPACE, FIRST_S = sys.argv[1:]
    WHY = keep(asker(ACCOUNT, API), PATH, JOB, NAMESPACE, ticks(), first_s=float(FIRST_S))
    print(WHY, flush=True)  # noqa: T201 - the pod's log
