"""What gameday itself asks a pod does not pass the redirect in it: it would count as a caller's, and meet the fault."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import Configuration

from gameday.agent.proof import ForgedError, Verifier
from gameday.agent.wire import PORTS, PROOF_HEADER
from gameday.targets.kubernetes import target as target_module
from gameday.targets.kubernetes.agents import commander_of
from gameday.targets.kubernetes.api import Api, KnownWorkload
from gameday.targets.kubernetes.edges import Edges
from gameday.targets.kubernetes.scraping import Scraping
from gameday.targets.kubernetes.site import Part, Site
from gameday.targets.kubernetes.target import KubernetesTarget

PORT = 9898
SITE = Site("a-context", "mine", "run-1", {"api": Part("api", "api", "http", PORT, "/metrics", PORT)}, (), {})
NAME = "gameday-network-1"


class Pods(Api):
    """A cluster of one pod, whose pages have a status, with a network agent or without."""

    def __init__(self, status: int, *, agents: bool) -> None:
        """Record which ports are asked."""
        super().__init__("a-context", Configuration())
        self._status = status
        commander_of.cache_clear()
        key = commander_of("run-1").public
        self._agent = Verifier(f"uid-1/{NAME}", key)
        environment = [{"name": "GAMEDAY_KEY", "value": key}, {"name": "GAMEDAY_RUN", "value": "run-1"}]
        declared = {"name": NAME, "image": "gameday:dev", "env": environment}
        self.asked: list[int] = []
        self.workloads["mine", "api"] = KnownWorkload("deployment", "app=api")
        self.owners["uid-1"] = ("deployment", "api")
        running = {
            "name": NAME,
            "state": {"running": {}},
            "image": "",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
        }
        pod = {
            "metadata": {"name": "api-1", "uid": "uid-1", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"containers": [{"name": "api"}], "ephemeralContainers": [declared] if agents else []},
            "status": {
                "phase": "Running",
                "podIP": "10.244.1.5",
                "conditions": [{"type": "Ready", "status": "True"}],
                "ephemeralContainerStatuses": [running] if agents else [],
            },
        }
        found = self.client.deserialize(json.dumps({"items": [pod]}), "V1PodList", "application/json")
        self.core = SimpleNamespace(
            list_namespaced_pod=lambda *_, **__: found,
            read_namespaced_pod_log=lambda *_, **__: f"gameday boot {self._agent.boot}\n",
        )

    def pod_request(
        self,
        namespace: str,  # noqa: ARG002 - the signature of all
        pod: str,  # noqa: ARG002 - same
        port: int,
        path: str,
        **how: Any,  # noqa: ANN401 - same
    ) -> tuple[int, bytes]:
        """Answer as the agent or as the pod."""
        self.asked.append(port)
        if port != PORTS["network"]:
            return self._status, b"up 1\n"
        proof = how["headers"][PROOF_HEADER]
        try:
            self._agent.check(proof, path).check_body(how["body"])
        except ForgedError as error:
            status: int = 403
            answer: dict[str, object] = self._agent.refusal(error)
        else:
            status, answer = 200, {"status": self._status, "text": "up 1\n"}
        return status, self._agent.sign(proof, status, json.dumps(answer).encode())


@pytest.mark.parametrize("status", [200, 404, 500])
@pytest.mark.parametrize("agents", [True, False])
def test_where_an_agent_is_it_alone_is_asked_for_pages(
    monkeypatch: pytest.MonkeyPatch, status: int, *, agents: bool
) -> None:
    """Whatever the page's status: only where there is none are the pod's ports asked from outside."""
    pods = Pods(status, agents=agents)
    assert Scraping(pods, SITE, Edges(pods, SITE)).pages()["api"] == ({"up": 1.0} if status == 200 else {})
    monkeypatch.setattr(target_module, "open_api", lambda _: pods)
    assert KubernetesTarget(SITE).is_ready("api", "api-1") is (status < 500)
    assert set(pods.asked) == {PORTS["network"] if agents else PORT}
