"""Run a load's master and workers as Jobs in the cluster; the load session asks the master through the API server."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

from gameday.agent.wire import CONTROL_PORT, TOKEN_HEADER
from gameday.targets.kubernetes.api import Api, NotFoundError, open_api
from gameday.targets.kubernetes.endpoints import service_of
from gameday.targets.kubernetes.image import LOAD
from gameday.targets.kubernetes.janitor import RUN
from gameday.targets.kubernetes.objects import COMPONENT, CONFINED, MANAGED_BY, MANAGER
from gameday.targets.kubernetes.site import Site
from gameday.targets.protocol import TargetError

SERVICE_NAME = "kubernetes.io/service-name"
MASTER, WORKERS = "load-master", "load-worker"
START_S = 45.0
"""How long the image may take to start on a node that has it."""
GONE_S = 15.0
"""How long pods may take to go once they are told; those that stay end by their Jobs' own deadline."""
POLL_S = 0.2
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
        self._site, self._token = site, secrets.token_hex(16)
        self._api = api or open_api(site.context)
        self._name = f"gameday-load-{secrets.token_hex(4)}"
        self._master = ""
        self._started = False

    def start(self, workers: int, *, lasts_s: float) -> None:
        """
        Start the master and, once it has an address, its workers; return when the master runs.

        Raises:
            TargetError: It did not start in time; the text says what the cluster says of it.
        """
        self._started = True
        self._create(MASTER, {"GAMEDAY_WORKERS": str(workers)}, lasts_s=lasts_s)
        self._master, address = self._await_master()
        self._create(WORKERS, {"GAMEDAY_MASTER": address}, lasts_s=lasts_s, count=workers)

    def ask(self, path: str, body: bytes, *, timeout_s: float) -> bytes:
        """Ask the master. Raises ``TargetError`` when it cannot be reached or refuses."""
        status, data = self._api.pod_request(
            self._site.namespace,
            self._master,
            CONTROL_PORT,
            f"/{path}",
            method="POST",
            body=body,
            headers={TOKEN_HEADER: self._token},
            timeout_s=timeout_s,
        )
        if status != 200:
            raise TargetError(f"the load's master {self._master} says {status}: {data.decode(errors='replace')[:200]}")
        return data

    def url(self, service: str) -> str:
        """Return a service's address within the cluster: that of the Kubernetes Service in front of its pods."""
        part, namespace = self._site.services[service], self._site.namespace
        with self._api.translated(f"looking for the Service of {service}"):
            slices = self._api.discovery.list_namespaced_endpoint_slice(namespace).items
        for found in slices:
            pods = [endpoint.target_ref.name for endpoint in found.endpoints or () if endpoint.target_ref]
            port = next((each.port for each in found.ports or ()), None)
            if port == part.port and any(service_of(pod, {service: part.workload}) for pod in pods):
                return self._address(found.metadata.labels[SERVICE_NAME], port)
        raise TargetError(
            f"no Service in namespace {namespace} leads to {service} (workload {part.workload}, port {part.port}): kubectl get"
            f" endpointslices -n {namespace} shows those that there are"
        )

    def _address(self, name: str, port: int) -> str:
        with self._api.translated(f"reading service {name}"):
            spec = self._api.core.read_namespaced_service(name, self._site.namespace).spec
        outer = spec.ports[0].port if len(spec.ports) == 1 else port
        return f"http://{spec.cluster_ip}:{outer}"

    def stop(self) -> None:
        """Remove the Jobs, and return when their pods are gone or will soon be. Idempotent."""
        if self._started:
            remove(self._api, self._site.namespace, f"{RUN}={self._site.run}")
            self._started = False

    def _create(self, part: str, env: Mapping[str, str], *, lasts_s: float, count: int = 1) -> None:
        name = f"{self._name}-{part.removeprefix('load-')}"
        job = _job(
            name, part, run=self._site.run, env={**env, "GAMEDAY_TOKEN": self._token}, lasts_s=lasts_s, count=count
        )
        with self._api.translated(f"creating job {name}"):
            self._api.batch.create_namespaced_job(self._site.namespace, job)

    def _await_master(self) -> tuple[str, str]:
        """Return the name and the address of the master's pod once it is ready."""
        until_s = time.monotonic() + START_S
        while True:
            with self._api.translated("reading the load's master"):
                found = self._api.core.list_namespaced_pod(
                    self._site.namespace, label_selector=f"{RUN}={self._site.run},{COMPONENT}={MASTER}"
                ).items
            for pod in found:
                if pod.status.pod_ip and any(each.ready for each in pod.status.container_statuses or ()):
                    return pod.metadata.name, pod.status.pod_ip
            if time.monotonic() > until_s:
                raise TargetError(
                    f"the load's master was not ready within {START_S:g} s: {_said(found)}; is the image {LOAD.name} loaded into"
                    f" the cluster's nodes? gameday up --target kind does that"
                )
            time.sleep(POLL_S)


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


def _said(pods: list[Any]) -> str:
    """Say why a pod is not ready, in the cluster's words."""
    for pod in pods:
        for each in pod.status.container_statuses or ():
            state = each.state.waiting or each.state.terminated
            if state is not None:
                return f"{pod.metadata.name}: {state.reason} {state.message or ''}".strip()
        for condition in pod.status.conditions or ():
            if condition.status == "False":
                return f"{pod.metadata.name}: {condition.reason} {condition.message or ''}".strip()
    return "it has no pod"


def _job(name: str, part: str, *, run: str, env: Mapping[str, str], lasts_s: float, count: int) -> dict[str, Any]:
    labels = {RUN: run, MANAGED_BY: MANAGER, COMPONENT: part}
    container = {
        "name": "load",
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
