"""Run a load's master and workers as Jobs in the cluster; the load session asks the master through the API server."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from gameday.agent.proof import PASS, Commander, ForgedError, announced
from gameday.agent.wire import CONTROL_PORT, PROOF_HEADER
from gameday.targets.kubernetes.agents import log_of
from gameday.targets.kubernetes.api import Api, NotFoundError, open_api
from gameday.targets.kubernetes.diagnosis import explain, stuck
from gameday.targets.kubernetes.image import LOAD
from gameday.targets.kubernetes.janitor import RUN
from gameday.targets.kubernetes.objects import COMPONENT, CONFINED, MANAGED_BY, MANAGER
from gameday.targets.kubernetes.site import Site
from gameday.targets.kubernetes.ways import entrance
from gameday.targets.protocol import TargetError

CONTAINER = "load"
"""Beside it a mesh may put another, which is ready sooner."""
MASTER, WORKERS = "load-master", "load-worker"
START_S = 45.0
"""How long the image may take to start on a node that has it."""
GONE_S = 15.0
"""How long pods may take to go once they are told; those that stay end by their Jobs' own deadline."""
POLL_S = 0.2
_INDEX = "batch.kubernetes.io/job-completion-index"
"""The annotation by which a pod of a Job says which one it is."""
GRACE_S = 1
"""Whatever matters is at the session by then, or lost anyway."""
TTL_S = 30
"""Jobs that have ended go by themselves when whoever started them did not live to remove them."""


class LoadJobs:
    """
    One load's master and workers.

    Args:
        site: Where; its run is the label by which ``recover`` finds what was left.
        api: By default the site's own.
    """

    def __init__(self, site: Site, *, api: Api | None = None) -> None:
        """Start nothing yet."""
        self._site, self._commander = site, Commander(secrets.token_bytes(32))
        self._api = api or open_api(site.context)
        self._name = f"gameday-load-{secrets.token_hex(4)}"
        self._master = ""
        self._passes: dict[int, str] = {}
        self._started = False
        self._workers, self._since_s = "", 0.0

    def start(self, workers: int, *, lasts_s: float) -> None:
        """
        Start the master and, once it has an address, its workers; return when the master runs.

        Raises:
            TargetError: It did not start in time; the text says what the cluster says of it.
        """
        self._started = True
        trusts = {"GAMEDAY_KEY": self._commander.public, "GAMEDAY_AGENT": self._name}
        name = self._create(MASTER, {"GAMEDAY_WORKERS": str(workers), **trusts}, lasts_s=lasts_s)
        self._master, address = self._await_master(name)
        self._workers = self._create(WORKERS, {"GAMEDAY_MASTER": address}, lasts_s=lasts_s, count=workers)
        self._since_s = time.monotonic()

    def stuck(self) -> str:
        """Return why the workers' pods will not start: a refusal, or an image that their node lacks; empty while they may."""
        waited_s = time.monotonic() - self._since_s
        return stuck(self._api, self._site.namespace, self._workers, waited_s=waited_s) if self._workers else ""

    def ask(self, path: str, body: bytes, *, timeout_s: float) -> bytes:
        """
        Ask the master; before it is asked for its members, it is told of workers that have come.

        Raises:
            TargetError: It cannot be reached, or refuses.
        """
        if path == "members" and self._find_passes():
            self._command("admit", json.dumps(list(self._passes.items())).encode(), timeout_s=timeout_s)
        return self._command(path, body, timeout_s=timeout_s)

    def _command(self, path: str, body: bytes, *, timeout_s: float) -> bytes:
        def send(proof: str) -> tuple[int, bytes]:
            return self._api.pod_request(
                self._site.namespace,
                self._master,
                CONTROL_PORT,
                f"/{path}",
                method="POST",
                body=body,
                headers={PROOF_HEADER: proof},
                timeout_s=timeout_s,
            )

        try:
            status, data, boot = self._commander.command(self._name, f"/{path}", body, send)
            if boot:
                self._commander.see_announced(self._name, boot, lambda: self._log(self._master))
        except ForgedError as error:
            raise TargetError(f"the load's master {self._master}: {error}") from None
        if status != 200 or not boot:
            raise TargetError(f"the load's master {self._master} says {status}: {data.decode(errors='replace')[:200]}")
        return data

    def _find_passes(self) -> bool:
        """Read in the logs of the workers' pods by which pass each is known; return whether any is."""
        query = f"{RUN}={self._site.run},{COMPONENT}={WORKERS}"
        with self._api.translated("listing the load's workers"):
            pods = self._api.core.list_namespaced_pod(self._site.namespace, label_selector=query).items
        for pod in pods:
            worker = int((pod.metadata.annotations or {}).get(_INDEX, -1))
            runs = any(each.name == CONTAINER and each.state.running for each in pod.status.container_statuses or ())
            if runs and worker not in self._passes and (found := announced(PASS, self._log(pod.metadata.name))):
                self._passes[worker] = found
        return bool(self._passes)

    def _log(self, pod: str) -> str:
        return log_of(self._api, self._site.namespace, pod, CONTAINER)

    def url(self, service: str) -> str:
        """Return a service's address within the cluster: that of a Kubernetes Service in front of its pods. Raises ``TargetError`` without one."""
        host, port = entrance(self._api, self._site, service)
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def stop(self) -> None:
        """Remove the Jobs, and return when their pods are gone or will soon be. Idempotent."""
        if self._started:
            remove(self._api, self._site.namespace, f"{RUN}={self._site.run}")
            self._started = False

    def _create(self, part: str, env: Mapping[str, str], *, lasts_s: float, count: int = 1) -> str:
        """Create a Job, and return its name."""
        name = f"{self._name}-{part.removeprefix('load-')}"
        job = _job(name, part, run=self._site.run, env=env, lasts_s=lasts_s, count=count)
        with self._api.translated(f"creating job {name}"):
            self._api.batch.create_namespaced_job(self._site.namespace, job)
        return name

    def _await_master(self, job: str) -> tuple[str, str]:
        """Return the name and the address of the master's pod once it is ready."""
        began_s = time.monotonic()
        until_s = began_s + START_S
        while True:
            with self._api.translated("reading the load's master"):
                found = self._api.core.list_namespaced_pod(
                    self._site.namespace, label_selector=f"{RUN}={self._site.run},{COMPONENT}={MASTER}"
                ).items
            for pod in found:
                if pod.status.pod_ip and any(
                    each.ready and each.name == CONTAINER for each in pod.status.container_statuses or ()
                ):
                    return pod.metadata.name, pod.status.pod_ip
            if why := stuck(self._api, self._site.namespace, job, waited_s=time.monotonic() - began_s):
                raise TargetError(f"{why}; so the load's master cannot start")
            if time.monotonic() > until_s:
                told = explain(self._api, self._site.namespace, tuple(found))
                raise TargetError(f"the load's master was not ready within {START_S:g} s:\n{told}")
            time.sleep(POLL_S)


def samples(site: Site, workers: int) -> tuple[dict[str, Any], ...]:
    """Return a load's Jobs as they would be made, to be tried."""
    return tuple(
        _job(f"gameday-load-rehearsal-{part}", part, run=site.run, env={}, lasts_s=1.0, count=count)
        for part, count in ((MASTER, 1), (WORKERS, workers))
    )


def remove(api: Api, namespace: str, selector: str) -> tuple[str, ...]:
    """Remove the load's Jobs that a label selector finds, with their pods, and return their names. Idempotent."""
    both = f"{selector},{COMPONENT} in ({MASTER},{WORKERS})"
    with api.translated("listing the load's jobs"):
        names = tuple(job.metadata.name for job in api.batch.list_namespaced_job(namespace, label_selector=both).items)
    for name in names:
        try:
            with api.translated(f"removing job {name}"):
                api.batch.delete_namespaced_job(name, namespace, propagation_policy="Background")
        except NotFoundError:
            continue
    until_s = time.monotonic() + GONE_S
    while time.monotonic() < until_s:
        with api.translated("listing the load's pods"):
            if not api.core.list_namespaced_pod(namespace, label_selector=both).items:
                break
        time.sleep(POLL_S)
    return names


def _job(name: str, part: str, *, run: str, env: Mapping[str, str], lasts_s: float, count: int) -> dict[str, Any]:
    labels = {RUN: run, MANAGED_BY: MANAGER, COMPONENT: part}
    container = {
        "name": CONTAINER,
        "image": LOAD.name,
        "imagePullPolicy": "IfNotPresent",  # it is loaded into the nodes
        "command": ["python", "-P", "-m", "gameday.load.child.pod", "master" if part == MASTER else "worker"],
        "env": [{"name": key, "value": value} for key, value in env.items()],
        # no processor limit: throttling would make it late
        "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": CONFINED,
        "volumeMounts": [{"name": "rows", "mountPath": "/tmp"}],  # noqa: S108 - the pod's own
        **({"readinessProbe": _listening()} if part == MASTER else {}),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "activeDeadlineSeconds": max(1, round(lasts_s)),
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": TTL_S,
            "completionMode": "Indexed",
            "completions": count,
            "parallelism": count,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": GRACE_S,
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [container],
                    "volumes": [{"name": "rows", "emptyDir": {}}],
                },
            },
        },
    }


def _listening() -> dict[str, Any]:
    return {"tcpSocket": {"port": CONTROL_PORT}, "periodSeconds": 1, "failureThreshold": 30}
