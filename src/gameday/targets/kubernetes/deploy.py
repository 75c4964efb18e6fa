"""Bring a namespace to what the manifests say, and see that it answers from here."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

from gameday.targets.kubernetes import objects, passwords
from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.manifests import Wanted, render
from gameday.targets.kubernetes.objects import Object
from gameday.targets.kubernetes.volume import volume
from gameday.targets.protocol import TargetError

_REACHED_S = 20.0  # a NodePort answers a second or two after its Service is made
_LOOK_S = 0.25
_ASK_S = 3.0  # and in milliseconds then
_SPENT = {"Released", "Failed"}


def apply(api: Api, wanted: Wanted) -> bool:
    """See that a namespace holds everything; return whether anything was made or changed. Idempotent."""
    namespace = wanted.namespace
    fresh = passwords.fresh(namespace)
    known = objects.get(api, fresh)
    changed = known is None and objects.apply(api, fresh)
    needed: list[Object] = [passwords.schema(known or fresh)]
    if (place := volume(api, namespace)) is not None:
        needed.append(place)
        found = objects.get(api, place)
        if found is not None and found["status"].get("phase") in _SPENT:
            objects.remove(api, place)  # it was of a namespace that is gone, and would never be bound again
    for each in (*needed, *render(wanted)):
        changed |= objects.apply(api, each)
    return changed


def reach(urls: Mapping[str, str], *, within_s: float = _REACHED_S) -> None:
    """Wait until every service at which requests enter answers from this machine. Raises ``TargetError``."""
    until_s = time.monotonic() + within_s
    for service, url in urls.items():
        while (reason := _unanswered(f"{url}/healthz")) is not None:
            if time.monotonic() > until_s:
                raise TargetError(
                    f"{service} is ready in the cluster, but {url} does not answer: {reason}; the cluster must map that port"
                    " to a node, as extraPortMappings of kind-config.yaml does"
                )
            time.sleep(_LOOK_S)


def _unanswered(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=_ASK_S) as answer:  # noqa: S310 - http only: the system file's own address
            return None if answer.status == 200 else f"code {answer.status}"
    except (urllib.error.URLError, HTTPException, OSError) as error:
        return str(error)
