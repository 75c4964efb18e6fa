"""The border of the Kubernetes client: contexts, time limits, and errors in words."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

import urllib3
from kubernetes import config
from kubernetes.client import (
    ApiClient,
    AppsV1Api,
    AuthorizationV1Api,
    BatchV1Api,
    Configuration,
    CoordinationV1Api,
    CoreV1Api,
    DiscoveryV1Api,
    PolicyV1Api,
    RbacAuthorizationV1Api,
    StorageV1Api,
    VersionApi,
)
from kubernetes.client.exceptions import ApiException
from kubernetes.config import kube_config

from gameday.targets.protocol import TargetError

CONNECT_S, READ_S = 3.0, 10.0
"""How long the API server may take to be reached, and to answer; one that serves takes milliseconds."""
MERGE = "application/merge-patch+json"
"""RFC 7396: what is named is replaced, and null removes."""
_CONNECTIONS = 32  # twenty pods are asked at once, and threads watch besides


class NotFoundError(TargetError):
    """What was asked for is not in the cluster."""


class ConflictError(TargetError):
    """Somebody else has changed or made it meanwhile."""


class ForbiddenError(TargetError):
    """The account of the context has no right to it."""


_BY_STATUS: Mapping[int, type[TargetError]] = {
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
}


class _Bounded(ApiClient):  # type: ignore[misc]  # the library publishes no types
    """A client whose every call ends in time."""

    def call_api(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed through
        """Send one request, within ``CONNECT_S`` and ``READ_S`` unless the caller says otherwise."""
        if len(args) < 6 and not kwargs.get("_request_timeout"):
            kwargs["_request_timeout"] = (CONNECT_S, READ_S)
        elif len(args) >= 6 and not args[5]:
            args = (*args[:5], (CONNECT_S, READ_S), *args[6:])
        return super().call_api(*args, **kwargs)


WorkloadKind = Literal["deployment", "statefulset"]


Owner = tuple[WorkloadKind, str]
"""Kind and name of a workload."""


@dataclass(frozen=True, slots=True)
class KnownWorkload:
    """What never changes of a workload: its kind, and the query that finds its pods."""

    kind: WorkloadKind
    query: str


class Api:
    """
    One cluster, through one pool of connections; may be shared by threads.

    The attributes are the library's typed groups; call them inside ``translated``.
    """

    def __init__(self, context: str, configuration: Configuration) -> None:
        """Speak as the account of a context; nothing is sent yet."""
        self.context = context
        self.configuration = configuration
        self.client = _Bounded(configuration)
        self.core = CoreV1Api(self.client)
        self.apps = AppsV1Api(self.client)
        self.batch = BatchV1Api(self.client)
        self.coordination = CoordinationV1Api(self.client)
        self.discovery = DiscoveryV1Api(self.client)
        self.policy = PolicyV1Api(self.client)
        self.rbac = RbacAuthorizationV1Api(self.client)
        self.storage = StorageV1Api(self.client)
        self.authorization = AuthorizationV1Api(self.client)
        self.version = VersionApi(self.client)
        self.workloads: dict[tuple[str, str], KnownWorkload] = {}
        """By namespace and name."""
        self.owners: dict[str, Owner | None] = {}
        """Uid of a pod or a ReplicaSet -> the workload that made it, also when it is gone; None for one that no workload made."""
        self.janitors: set[str] = set()
        """The Jobs that waited for a change and were given one; none is given a second."""

    @contextmanager
    def translated(self, doing: str) -> Iterator[None]:
        """
        Raise whatever the library raises as a ``TargetError`` that says what was being done.

        Raises:
            NotFoundError, ConflictError, ForbiddenError: The API server said so.
            TargetError: It said something else, or nothing.
        """
        try:
            yield
        except ApiException as error:
            kind = _BY_STATUS.get(error.status or 0, TargetError)
            raise kind(f"{doing}: {_said(error)} (context {self.context})") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TargetError(
                f"{doing}: the cluster of the context {self.context} cannot be reached at {self.configuration.host}: "
                f"{_short(error)}; see: gameday doctor --target kind"
            ) from error

    def pod_request(
        self,
        namespace: str,
        pod: str,
        port: int,
        path: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = READ_S,
    ) -> tuple[int, bytes]:
        """
        Send a request to a port of a pod through the API server; ``path`` begins with a slash.

        Returns:
            The status and the body, of the pod or, where it cannot be reached, of the API server (502, 503).

        Raises:
            ForbiddenError: The account may not; the API server says so in a body of its own kind.
            TargetError: The API server cannot be reached, or there was no answer within ``timeout_s``.
        """
        url = f"{self.configuration.host}/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy{path}"
        sent = dict(headers or {})
        self.client.update_params_for_auth(sent, [], ["BearerToken"], "", method, None)
        with self.translated(f"asking pod {pod}, port {port}"):
            answer = self.client.rest_client.pool_manager.request(
                method,
                url,
                body=body,
                headers=sent,
                timeout=urllib3.Timeout(connect=CONNECT_S, read=timeout_s),
                retries=urllib3.Retry(connect=1, read=0, redirect=0, status=0, other=0),
                redirect=False,
            )
            status, text = int(answer.status), bytes(answer.data)
        _see_permitted(status, text)
        return status, text


@cache
def open_api(context: str) -> Api:
    """
    Return the connection of this process to the cluster of a context; nothing is sent.

    The context is looked for where kubectl does: in the files that ``KUBECONFIG`` names, else in ``~/.kube/config``.

    Raises:
        TargetError: There is no such context, and it says which there are; or the files cannot be read.
    """
    configuration = Configuration()
    if context not in (there := contexts()):
        raise TargetError(
            f"there is no context {context} in your kubeconfig; contexts: {', '.join(there) or 'none'}; "
            "gameday up --target kind makes the demo's cluster"
        )
    with _reading():
        config.load_kube_config(_files(), context=context, client_configuration=configuration, persist_config=False)
    configuration.connection_pool_maxsize = _CONNECTIONS
    configuration.retries = urllib3.Retry(connect=1, read=0, redirect=0, status=0, other=0)
    return Api(context, configuration)


def contexts() -> tuple[str, ...]:
    """
    Return the names of the contexts in the kubeconfig, sorted; empty when there is no file.

    Raises:
        TargetError: A file cannot be read.
    """
    with _reading():
        merged = kube_config.KubeConfigMerger(_files()).config
        return tuple(sorted(str(each["name"]) for each in merged.value["contexts"])) if merged else ()


def _files() -> str:
    """Return where kubectl looks now; the library has looked up ``KUBECONFIG`` when it was imported."""
    return os.environ.get("KUBECONFIG") or "~/.kube/config"


@contextmanager
def _reading() -> Iterator[None]:
    """Raise whatever comes of a broken kubeconfig as a ``TargetError`` that names the files."""
    try:
        yield
    except Exception as error:
        raise TargetError(
            f"the kubeconfig {_files()} cannot be read: {_wrong(error)}; "
            "valid is a file as kubectl writes it, or several in KUBECONFIG; see: kubectl config view"
        ) from error


def _wrong(error: Exception) -> str:
    """Return what is wrong with a kubeconfig, in one line; for other content the library stumbles in its own code."""
    if isinstance(error, TypeError | AttributeError | LookupError):
        return "its content is not that of a kubeconfig"
    return " ".join(str(getattr(error, "strerror", None) or error).split())[:200]


def _said(error: ApiException) -> str:
    """Return the API server's own words."""
    try:
        told = json.loads(error.body or "")
    except ValueError:
        told = None
    message = cast("dict[str, object]", told).get("message") if isinstance(told, dict) else None
    return str(message or error.reason or f"status {error.status}")


def _short(error: Exception) -> str:
    """Return the reason within urllib3's chain, in one line."""
    reason = getattr(error, "reason", None) or error
    return " ".join(str(reason).split("object at", 1)[-1].split())[:200]


def _see_permitted(status: int, text: bytes) -> None:
    if status not in {401, 403} or b'"kind":"Status"' not in text.replace(b" ", b""):
        return
    raise ForbiddenError(str(json.loads(text).get("message", "forbidden")))
