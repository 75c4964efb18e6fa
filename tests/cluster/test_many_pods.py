"""Twenty pods of one Deployment, all hit by one latency fault: every one is proven, and every one is clean afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.account import write_kubeconfig
from cluster.standing import CONTEXT, Stands, kubectl
from gameday.experiment.model import System
from gameday.faults import catalogue
from gameday.targets.kubernetes.api import open_api
from gameday.targets.kubernetes.manifests import shipped
from gameday.targets.kubernetes.pods import pods_of
from gameday.targets.kubernetes.residue import find_residue
from gameday.targets.kubernetes.site import Site, site_of
from gameday.targets.kubernetes.target import KubernetesTarget
from system.target.running import wait_until

SPACE, PODS = "t-many", 20
EDGE = "load -> echo"
SYSTEM = {
    "name": "many",
    "targets": {"kind": {"context": CONTEXT, "namespace": SPACE, "url": "http://127.0.0.1:9"}},
    "services": {"echo": {"port": 8080}},
    "routes": {"page": {"request": "GET /", "hard": ["echo"]}},
}
SERVING = "import http.server as h; h.ThreadingHTTPServer(('', 8080), h.SimpleHTTPRequestHandler).serve_forever()"
CALLING = """
import sys, time, urllib.request
until_s = time.monotonic() + 120
while time.monotonic() < until_s:
    for host in sys.argv[1:]:
        try:
            urllib.request.urlopen(f"http://{host}:8080/", timeout=2).read()
        except OSError:
            pass
"""
"""A client of the pods, for two minutes: that a fault meets its callers is proven by what they try."""
ECHO = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "echo"},
    "spec": {
        "replicas": PODS,
        "selector": {"matchLabels": {"app": "echo"}},
        "template": {
            "metadata": {"labels": {"app": "echo"}},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [
                    {
                        "name": "echo",
                        "image": "gameday:dev",
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["python", "-c", SERVING],
                        "workingDir": "/opt/gameday/gameday/agent",
                        "readinessProbe": {
                            "httpGet": {"path": "/", "port": 8080},
                            "periodSeconds": 2,
                            "timeoutSeconds": 2,
                        },
                    }
                ],
            },
        },
    },
}


@pytest.fixture
def many(stands: Stands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Start twenty pods in a namespace of their own, as whoever may; the test has the rights of the account that ships, there."""
    rights = [each for name in ("account", "role") for each in shipped(name)]
    kubectl(stands, "create", "namespace", SPACE)
    for subject in (subject for each in rights for subject in each.get("subjects", ())):
        subject["namespace"] = SPACE
    for each in (*rights, ECHO):
        kubectl(stands, "-n", SPACE, "apply", "-f", "-", given=json.dumps(each))
    kubectl(stands, "-n", SPACE, "rollout", "status", "--timeout=100s", "deployment/echo")
    with monkeypatch.context() as admin:
        if stands.admin is None:
            admin.delenv("KUBECONFIG")
        else:
            admin.setenv("KUBECONFIG", stands.admin)
        open_api.cache_clear()
        write_kubeconfig(open_api(CONTEXT), CONTEXT, SPACE, tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    open_api.cache_clear()
    yield site_of(System.model_validate(SYSTEM), run="test-many")
    open_api.cache_clear()
    kubectl(stands, "delete", "namespace", SPACE, "--wait=false")


def test_twenty_pods_are_delayed_proven_and_clean(many: Site, stands: Stands) -> None:
    """Each pod's own agent shows the delay; undone, none shows any, and no agent stays."""
    target, api = KubernetesTarget(many), open_api(CONTEXT)
    hosts = [pod.ip for pod in pods_of(api, many, "echo")]
    caller = ("run", "caller", "--image=gameday:dev", "--image-pull-policy=IfNotPresent", "--restart=Never")
    kubectl(stands, "-n", SPACE, *caller, "--command", "--", "python", "-c", CALLING, *hosts)
    fault = catalogue()["latency"]
    plan = fault.plan(fault.parameters.model_validate({"edge": EDGE, "delay": "300ms"}), System.model_validate(SYSTEM))
    try:
        undo = dict(fault.prepare(plan, target))
        injected = fault.inject(plan, target, undo)

        def bites() -> bool:
            fault.renew(plan, target, undo)
            state = target.edge(EDGE)
            return fault.prove(plan, target, injected).bites and state.delay is not None and not state.partial

        wait_until(bites, what="the delay of every pod")
        assert len(pods_of(api, many, "echo")) == PODS
        assert all(pod.agent("network") for pod in pods_of(api, many, "echo"))
        fault.undo(undo, target)
        wait_until(lambda: fault.healed(undo, target), what="every pod to be healed")
        assert target.edge(EDGE).is_free
    finally:
        left = target.leave()
    assert len(left) == PODS
    assert find_residue(api, many) == ()
