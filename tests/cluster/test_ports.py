"""
A system that shares nothing with the shop: a Service whose ports are not its containers', a headless one, and a caller behind a mesh's sidecar.

Callers count calls in words of their own, so that what they saw can be compared with what is claimed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from cluster.standing import NAMESPACE, Stands, kubectl
from gameday.experiment.model import System
from gameday.faults import catalogue
from gameday.faults.protocol import Proof
from gameday.targets.kubernetes.image import SHOP
from gameday.targets.kubernetes.loadjobs import LoadJobs
from gameday.targets.kubernetes.requirements import missing
from gameday.targets.kubernetes.site import Site, site_of
from gameday.targets.kubernetes.target import KubernetesTarget
from gameday.targets.protocol import Delay, TargetError
from system.agent import mesh
from system.target.running import wait_until

CALLERS = {"front": "parcels:8080", "direct": "parcels-pods:9898", "meshed": "parcels:8080"}
"""Who calls which address."""
DELAY_S = 0.3
PATIENCE_S = 20.0
BETWEEN_S = 2.0
"""Between two looks: each sends a canary, and what a mesh's sidecar may have said for it is taken from the callers' count."""
_CALLEE = """
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_):
        pass
for port in (9797, 9898):
    threading.Thread(target=ThreadingHTTPServer(("", port), Answer).serve_forever).start()
"""
_CALLER = """
import http.client, os, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
seen = {"calls": 0, "last": 0.0}
def call():
    connection = http.client.HTTPConnection(os.environ["CALLEE"], timeout=5)
    while True:
        began = time.monotonic()
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
            seen.update(calls=seen["calls"] + 1, last=time.monotonic() - began)
        except (OSError, http.client.HTTPException):  # an answer that a reset cut is none of the first
            connection.close()
        time.sleep(0.05)
class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        text = f"front_calls_total {seen['calls']}\\nfront_last_seconds {seen['last']}\\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *_):
        pass
threading.Thread(target=call, daemon=True).start()
ThreadingHTTPServer(("", 3000), Page).serve_forever()
"""


def container(name: str, program: str, *arguments: str, **more: object) -> dict[str, Any]:
    """Declare a container that runs a program of Python."""
    command = ["python", "-u", "-c", program, *arguments]
    return {"name": name, "image": SHOP.name, "imagePullPolicy": "Never", "command": command, **more}


def deployment(name: str, *containers: dict[str, Any], before: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """Declare a Deployment of one pod."""
    labels = {"app": name}
    pod = {"terminationGracePeriodSeconds": 1, "initContainers": list(before), "containers": list(containers)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def service(name: str, chosen: str, ports: Mapping[int, int | str], **more: object) -> dict[str, Any]:
    """Declare a Service."""
    listed = [{"name": f"p{port}", "port": port, "targetPort": target} for port, target in ports.items()]
    spec = {"selector": {"app": chosen}, "ports": listed, **more}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def objects() -> Iterator[dict[str, Any]]:
    """Declare everything; the lowest of the callee's ports is not the one that callers use."""
    ports = [{"name": "http", "containerPort": 9898}, {"name": "metrics", "containerPort": 9797}]
    yield deployment("parcels", container("server", _CALLEE, ports=ports))
    yield service("parcels", "parcels", {8080: "http", 1797: "metrics"})
    yield service("parcels-pods", "parcels", {80: "http"}, clusterIP="None")
    for name, callee in CALLERS.items():
        own = container("caller", _CALLER, env=[{"name": "CALLEE", "value": callee}], ports=[{"containerPort": 3000}])
        yield deployment(name, own, before=_sidecar() if name == "meshed" else ())


def _sidecar() -> tuple[dict[str, Any], ...]:
    """Declare what leads a pod's connections to a sidecar, and the sidecar, as Istio injects both."""
    rules = "import subprocess, sys; subprocess.run(['nft', '-f', '-'], input=sys.argv[1], text=True, check=True)"
    with open(mesh.__file__, encoding="utf-8") as source:  # noqa: PTH123 - beside this file
        program = source.read()
    admin = {"runAsUser": 0, "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}
    user = {"runAsUser": mesh.UID, "runAsGroup": mesh.UID}
    return (
        container("proxy-init", rules, mesh.OUTGOING, securityContext=admin),
        container("proxy", program, str(mesh.OUTBOUND), securityContext=user, restartPolicy="Always"),
    )


def described(port: int = 9898) -> System:
    """Describe them; ``metrics`` is the callee's other port, which nobody calls."""
    callers = {name: {"port": 3000, "metrics": "/metrics"} for name in CALLERS}
    return System.model_validate(
        {
            "name": "parcels",
            "targets": {"kind": {"context": "kind-gameday", "namespace": NAMESPACE, "url": "http://127.0.0.1:9"}},
            "services": {
                **callers,
                "parcels": {"port": port},
                "metrics": {"deployment": "parcels", "port": 9797},
            },
            "dependencies": [*(f"{name} -> parcels" for name in CALLERS), "front -> metrics"],
            "routes": {name: {"request": "GET /", "hard": [name, "parcels"]} for name in CALLERS},
        }
    )


@pytest.fixture(scope="module")
def site(stands: Stands) -> Iterator[Site]:
    """Deploy them beside the shop."""
    wanted = list(objects())
    try:
        given = "\n---\n".join(map(json.dumps, wanted))
        kubectl(stands, "-n", NAMESPACE, "apply", "-f", "-", given=given)
        for name in (*CALLERS, "parcels"):
            kubectl(stands, "-n", NAMESPACE, "rollout", "status", f"deployment/{name}", "--timeout=90s")
        yield site_of(described(), run="test-ports")
    finally:
        names = [f"{each['kind'].lower()}/{each['metadata']['name']}" for each in wanted]
        kubectl(stands, "-n", NAMESPACE, "delete", "--ignore-not-found", "--wait=false", *names)


@pytest.fixture
def target(site: Site) -> Iterator[KubernetesTarget]:
    """Return the target; its agents are ended."""
    target = KubernetesTarget(site)
    yield target
    target.leave()


def last_s(target: KubernetesTarget, caller: str) -> float:
    """Return how long a caller's last call took, by its own page."""
    return float(target.metrics()[caller]["front_last_seconds"])


def calls(target: KubernetesTarget, caller: str) -> float:
    """Return how many calls a caller has made, by its own page."""
    return float(target.metrics()[caller]["front_calls_total"])


def proven(target: KubernetesTarget, edge: str) -> Proof:
    """Delay an edge, wait until the caller has met it and that is proven, and return the proof; what nobody calls is looked at once."""
    fault = catalogue()["latency"]
    given = fault.parameters.model_validate({"edge": edge, "delay": f"{DELAY_S * 1000:g}ms"})
    planned = replace(fault.plan(given, described()), needed=(edge,))
    undo = fault.prepare(planned, target)
    injected = fault.inject(planned, target, undo)

    def met() -> Proof | None:
        time.sleep(BETWEEN_S)
        fault.renew(planned, target, undo)
        proof = fault.prove(planned, target, injected)
        if edge.endswith("metrics"):
            return proof
        late = last_s(target, edge.split(" -> ", maxsplit=1)[0]) >= DELAY_S  # a busy machine alone may make one call so
        return proof if late and proof.bites else None

    proof = wait_until(met, what=f"a late answer on {edge}", within_s=PATIENCE_S)
    assert proof
    fault.undo(undo, target)
    wait_until(lambda: fault.healed(undo, target), what="the end of it", within_s=PATIENCE_S)
    return proof


@pytest.mark.parametrize("caller", sorted(CALLERS))
def test_callers_meet_a_delay_whatever_they_call_the_port(target: KubernetesTarget, caller: str) -> None:
    """By a Service's other port with a name, by a pod's address behind a headless one, and through a sidecar: once each."""
    edge = f"{caller} -> parcels"
    target.attach([edge], ())
    proof = proven(target, edge)
    assert proof.bites, proof.text
    assert "callers tried" in proof.text
    assert "by the caller's own count" not in proof.text
    assert target.calls(edge) is None
    wait_until(lambda: last_s(target, caller) < DELAY_S, what="fast answers", within_s=PATIENCE_S)


def test_a_delay_through_a_sidecar_comes_once(target: KubernetesTarget) -> None:
    """The agent's own connections do not enter the mesh again."""
    edge = "meshed -> parcels"
    target.attach([edge], ())
    target.delay(edge, Delay(DELAY_S), lease_s=60)
    wait_until(lambda: last_s(target, "meshed") >= DELAY_S, what="late answers", within_s=PATIENCE_S)
    began, tried = calls(target, "meshed"), target.edge(edge).attempts
    wait_until(lambda: calls(target, "meshed") >= began + 10, what="ten calls more", within_s=PATIENCE_S)
    tried = target.edge(edge).attempts - tried
    target.heal(edge)
    assert tried <= calls(target, "meshed") - began + 1


def test_a_port_that_nobody_calls_proves_nothing(target: KubernetesTarget) -> None:
    """Although it is the callee's, and canaries come late over it."""
    target.attach(["front -> metrics"], ())
    proof = proven(target, "front -> metrics")
    assert proof.measured >= DELAY_S
    assert not proof.bites
    assert "callers tried 0 times through the proxy, none of them on front -> metrics" in proof.text


@pytest.mark.usefixtures("site")
def test_a_port_of_nobody_is_an_error_before_a_run() -> None:
    """It names what there is."""
    system = described(port=8080)
    (problem,) = [each for each in missing(system) if each.startswith("parcels:")]
    assert "declared: 9797 (metrics), 9898 (http)" in problem
    assert "parcels:8080 leads to 9898" in problem
    with pytest.raises(TargetError, match="declares port 8080"):
        KubernetesTarget(site_of(system, run="test-ports")).attach(["front -> parcels"], ())


def test_a_load_in_the_cluster_enters_by_the_service_s_own_port(stands: Stands, site: Site) -> None:
    """It has two ports, neither of them the container's number; the headless one has no address of its own."""
    address = kubectl(
        stands, "-n", NAMESPACE, "get", "service/parcels", "--output", "jsonpath={.spec.clusterIP}"
    ).strip()
    assert LoadJobs(site).url("parcels") == f"http://{address}:8080"
    assert LoadJobs(site).url("metrics") == f"http://{address}:1797"
