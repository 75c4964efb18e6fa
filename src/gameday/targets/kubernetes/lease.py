"""
The Lease of a namespace: who holds it runs an experiment there, and nobody else does.

Clocks of two machines differ, and two machines may have the same name, so nobody trusts a renewal's time or its holder's process id: whoever
wants a lease that is held watches it for longer than it lasts.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from gameday.targets.kubernetes.api import MERGE, Api, ConflictError, NotFoundError
from gameday.targets.protocol import TargetError

NAME = "gameday"
DURATION_S = 15
RENEW_S = 5.0
"""Duration and period are client-go's defaults for leaders, near enough: two renewals may fail."""
_LOOK_S = 0.5
_ANSWER_S = (2.0, 3.0)
"""How long the API server may take to be reached and to answer: two such requests must end well before the lease does."""
_WHO = "gameday.dev/who"


@dataclass(frozen=True, slots=True)
class Held:
    """
    The lease as it was read.

    Attributes:
        holder: The run that holds it.
        version: What a change must name, so that it fails when somebody else was faster.
        who: The person and the machine, in words.
        acquired: When, in words.
    """

    holder: str
    version: str
    who: str
    acquired: str

    def told(self) -> str:
        """Say whose it is."""
        return f"run {self.holder} of {self.who or 'somebody'}, since {self.acquired}"


def read(api: Api, namespace: str) -> Held | None:
    """Read the lease of a namespace; None when nobody holds it."""
    try:
        with api.translated(f"reading the lease of {namespace}"):
            found = api.coordination.read_namespaced_lease(NAME, namespace, _request_timeout=_ANSWER_S)
    except NotFoundError:
        return None
    spec, notes = found.spec, found.metadata.annotations or {}
    if spec is None or not spec.holder_identity:
        return None
    return Held(
        holder=spec.holder_identity,
        version=found.metadata.resource_version,
        who=notes.get(_WHO, ""),
        acquired=spec.acquire_time.isoformat(timespec="seconds") if spec.acquire_time else "an unknown time",
    )


def is_abandoned(api: Api, namespace: str, held: Held) -> bool:
    """Return whether nobody renews a lease any more: watch it for longer than it lasts, or until it is renewed."""
    until_s = time.monotonic() + DURATION_S + sum(_ANSWER_S)  # who holds it counts from the answer to its renewal
    while time.monotonic() < until_s:
        now = read(api, namespace)
        if now is None or now.version != held.version:
            return now is None
        time.sleep(_LOOK_S)
    return True


def create(api: Api, namespace: str, run: str) -> str:
    """Take the lease where there is none, and return its version. Raises ``ConflictError`` when there is one."""
    with api.translated(f"taking the lease of {namespace}"):
        made = api.coordination.create_namespaced_lease(namespace, _body(run))
    return cast("str", made.metadata.resource_version)


def take_over(api: Api, namespace: str, run: str, held: Held) -> str:
    """Take an abandoned lease, and return its version. Raises ``ConflictError`` when somebody was faster."""
    with api.translated(f"taking over the lease of {namespace}"):
        made = api.coordination.replace_namespaced_lease(NAME, namespace, _body(run, version=held.version))
    return cast("str", made.metadata.resource_version)


def renew(api: Api, namespace: str, run: str) -> None:
    """Say that the holder lives. Raises ``TargetError`` when the lease is another's or gone."""
    held = read(api, namespace)
    if held is None or held.holder != run:
        raise LostError(f"the lease {NAME} of {namespace} {f'is held by {held.told()}' if held else 'is gone'}")
    body = {"metadata": {"resourceVersion": held.version}, "spec": {"renewTime": _now()}}
    with api.translated(f"renewing the lease of {namespace}"):
        api.coordination.patch_namespaced_lease(NAME, namespace, body, _content_type=MERGE, _request_timeout=_ANSWER_S)


def release(api: Api, namespace: str, run: str) -> None:
    """Remove the lease if a run holds it. Idempotent."""
    held = read(api, namespace)
    if held is None or held.holder != run:
        return
    try:
        with api.translated(f"releasing the lease of {namespace}"):
            api.coordination.delete_namespaced_lease(
                NAME, namespace, body={"preconditions": {"resourceVersion": held.version}}
            )
    except (ConflictError, NotFoundError):
        return


class LostError(TargetError):
    """The lease is another's, or gone: no renewal brings it back."""


def _body(run: str, *, version: str | None = None) -> dict[str, Any]:
    now = _now()
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": NAME,
            "annotations": {_WHO: f"{_user()} on {socket.gethostname()}"},
            **({"resourceVersion": version} if version else {}),
        },
        "spec": {
            "holderIdentity": run,
            "leaseDurationSeconds": DURATION_S,
            "acquireTime": now,
            "renewTime": now,
        },
    }


def _now() -> str:
    """Write this instant as the API's MicroTime."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an id without a name, as in containers
        return f"user {os.getuid()}"
