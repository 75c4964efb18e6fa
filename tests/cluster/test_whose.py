"""
Whose a pod is, which of its containers is the service, and as whom that runs: on workloads that share nothing with the shop.

The node's own runtime is the observer: it tells of every process that ends, with its exit code and when.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pytest

from cluster.account import write_kubeconfig
from cluster.standing import CONTEXT, Stands, kubectl
from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.model import System
from gameday.faults import catalogue
from gameday.faults.protocol import Fault
from gameday.targets.kubernetes.api import open_api
from gameday.targets.kubernetes.image import SHOP
from gameday.targets.kubernetes.kind import Kind
from gameday.targets.kubernetes.manifests import accounts, shipped
from gameday.targets.kubernetes.residue import find_residue
from gameday.targets.kubernetes.site import site_of
from gameday.targets.kubernetes.target import KubernetesTarget
from gameday.targets.protocol import TargetError
from system.target.running import wait_until

SPACE, CLUSTER = "t-whose", CONTEXT.removeprefix("kind-")
LONG = "checkout-of-a-shop-with-a-name-as-long-as-it-can-be-v2"
"""54 characters: of such a name no ReplicaSet's hash is left whole in the names of its pods."""
IMAGE = "gameday-test-user:1"
USER, GROUP = 1234, 4321
ASKED = 7
KILLED = 137
"""The exit code of a service that was asked to end, which it does at once, and of one that the kernel has killed."""
HEALED_S = 60.0
SERVING = f"""
import http.server, os, signal
signal.signal(signal.SIGTERM, lambda *_: os._exit({ASKED}))
http.server.ThreadingHTTPServer(("", 8080), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
MAIN = {
    "name": "main",
    "image": IMAGE,
    "imagePullPolicy": "Never",
    "command": ["python", "-c", SERVING],
    "workingDir": "/opt/gameday/gameday/agent",
    "ports": [{"containerPort": 8080}],
    "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
}
SIDE = {"name": "side", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sleep", "3600"]}
WEB = {"app": "web"}
"""The labels of three workloads' pods, and the selector of two."""


def workload(name: str, replicas: int, labels: Mapping[str, str], **spec: object) -> dict[str, Any]:
    """Return a Deployment."""
    template = {"metadata": {"labels": dict(labels)}, "spec": {"terminationGracePeriodSeconds": 2, **spec}}
    selector = {"matchLabels": {"app": labels["app"]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": selector, "template": template},
    }


OBJECTS = [
    workload(LONG, 2, WEB, containers=[MAIN]),
    workload("canary", 1, {**WEB, "track": "canary"}, containers=[SIDE, MAIN | {"securityContext": {"runAsUser": 0}}]),
    workload("shared", 1, {"app": "shared"}, containers=[MAIN], shareProcessNamespace=True),
    {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"{LONG}-migrate"},
        "spec": {"template": {"metadata": {"labels": WEB}, "spec": {"restartPolicy": "Never", "containers": [MAIN]}}},
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": WEB, "ports": [{"port": 80, "targetPort": 8080}]},
    },
]
SYSTEM = System.model_validate(
    {
        "name": "whose",
        "targets": {"kind": {"context": CONTEXT, "namespace": SPACE, "url": "http://127.0.0.1:9"}},
        "services": {
            "web": {"port": 8080, "deployment": LONG},
            "canary": {"port": 8080},
            "shared": {"port": 8080},
        },
        "routes": {"page": {"request": "GET /", "hard": ["web", "canary", "shared"]}},
    }
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container's first process ended, as the node's runtime says: its exit code, and when, in seconds since the epoch."""

    code: int
    at_s: float


class Ends:
    """What the runtimes of the nodes tell of the ends of processes."""

    def __init__(self, nodes: Iterable[str]) -> None:
        """Listen to each."""
        self._told: list[str] = []
        self._runtimes = [self._listen(node) for node in nodes]

    def _listen(self, node: str) -> subprocess.Popen[str]:
        command = ("docker", "exec", node, "ctr", "--namespace", "k8s.io", "events")
        runtime = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._told.extend, args=(runtime.stdout,), daemon=True).start()
        return runtime

    def of(self, pod: Mapping[str, Any], container: str) -> Ended:
        """Wait until a pod's container has ended, whatever the API server knows of it."""
        states = pod["status"]["containerStatuses"]
        (identity,) = (each["containerID"] for each in states if each["name"] == container)
        found = wait_until(lambda: self._look(identity.removeprefix("containerd://")), what=f"the end of {container}")
        assert found is not None
        return found

    def _look(self, identity: str) -> Ended | None:
        for line in tuple(self._told):
            if " /tasks/exit " in line and (told := json.loads(line[line.index("{") :]))["id"] == identity:
                at = told["exited_at"]
                return Ended(int(told.get("exit_status", 0)), at["seconds"] + at.get("nanos", 0) / 1e9)
        return None

    def stop(self) -> None:
        """Listen no longer."""
        for each in self._runtimes:
            with each:
                each.kill()


@dataclass(frozen=True, slots=True)
class Whose:
    """The workloads, and a target that uses them with the rights of the account that ships."""

    stands: Stands
    target: KubernetesTarget
    ends: Ends

    def pods(self, of: str) -> list[dict[str, Any]]:
        """Return the pods whose name begins so, as kubectl shows them."""
        found = json.loads(kubectl(self.stands, "-n", SPACE, "get", "pods", "-o", "json"))["items"]
        return [each for each in found if each["metadata"]["name"].startswith(of)]

    def pod(self, name: str) -> dict[str, Any]:
        """Return one of them."""
        (found,) = self.pods(name)
        return found

    def names(self, service: str) -> set[str]:
        """Return the pods that gameday takes for a service's and that stay."""
        return {each.name for each in self.target.replicas(service) if not each.ending}

    def whole(self, service: str, replicas: int) -> bool:
        """Return whether a service has all its pods ready again."""
        found = self.target.workload(service)
        return (found.ready, found.endpoints, len(self.names(service))) == (replicas, replicas, replicas)


def planned(name: str, **parameters: object) -> tuple[Fault, PlannedFault]:
    """Return a fault and how it is planned."""
    fault = catalogue()[name]
    return fault, fault.plan(fault.parameters.model_validate(parameters), SYSTEM)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Build an image whose user has a name, and a group of another number; nothing else says who that is."""
    folder = tmp_path_factory.mktemp("image")
    user = f"RUN echo app:x:{USER}:{GROUP}::/:/bin/false >>/etc/passwd && echo app:x:{GROUP}: >>/etc/group"
    (folder / "Dockerfile").write_text(f"FROM {SHOP.name}\nUSER root\n{user}\nUSER app\n", encoding="utf-8")
    subprocess.run(["docker", "build", "--quiet", "--tag", IMAGE, str(folder)], check=True, capture_output=True)  # noqa: S607
    Kind(CLUSTER, print).load(IMAGE)


@pytest.fixture(scope="module")
def whose(stands: Stands, image: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whose]:  # noqa: ARG001 - it is there
    """Start the workloads in a namespace of their own, under the policy, which admits agents with a container's own capabilities, too."""
    policy = accounts(SPACE, ["policy"])
    rights = [each for name in ("account", "role") for each in shipped(name)]
    for subject in (subject for each in rights for subject in each.get("subjects", ())):
        subject["namespace"] = SPACE
    kubectl(stands, "create", "namespace", SPACE)
    try:
        for each in (*rights, *OBJECTS):
            kubectl(stands, "-n", SPACE, "apply", "-f", "-", given=json.dumps(each))
        kubectl(stands, "apply", "-f", "-", given=policy)
        kubectl(stands, "-n", SPACE, "wait", "--for=condition=Ready", "pods", "--all", "--timeout=100s")
        with pytest.MonkeyPatch.context() as patch:
            path = tmp_path_factory.mktemp("whose") / "kubeconfig"
            if stands.admin is None:
                patch.delenv("KUBECONFIG", raising=False)
            else:
                patch.setenv("KUBECONFIG", stands.admin)
            open_api.cache_clear()
            write_kubeconfig(open_api(CONTEXT), CONTEXT, SPACE, path)
            patch.setenv("KUBECONFIG", str(path))
            open_api.cache_clear()
            target = KubernetesTarget(site_of(SYSTEM, run="test-whose"))
            ends = Ends(Kind(CLUSTER, print).nodes())
            yield Whose(stands, target, ends)
            ends.stop()
            target.leave()
            assert find_residue(open_api(CONTEXT), site_of(SYSTEM, run="test-whose")) == ()
    finally:
        open_api.cache_clear()
        kubectl(stands, "delete", "--ignore-not-found", "-f", "-", given=policy)
        kubectl(stands, "delete", "namespace", SPACE, "--wait=false")


def test_a_pod_is_of_the_workload_that_made_it(whose: Whose) -> None:
    """Its name is cut off, another Deployment has the same selector, and a Job's pod has the same labels."""
    web = whose.pods(LONG)
    made = {each["metadata"]["name"] for each in web if each["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"}
    assert (len(web), len(made)) == (3, 2)
    assert not any(re.fullmatch(rf"{LONG}-[a-z0-9]+-[a-z0-9]{{5}}", name) for name in made)
    assert whose.names("web") == made
    assert whose.names("canary") == {each["metadata"]["name"] for each in whose.pods("canary")}
    assert whose.whole("web", 2)
    assert whose.whole("canary", 1)


def test_a_kill_is_a_crash_though_only_the_image_says_as_whom_it_runs(whose: Whose) -> None:
    """The runtime says that a SIGKILL ended it; had a SIGTERM come first it would have ended by that. Who has the same labels stays."""
    whose.target.attach_to_trace({"web": 1}, ())
    fault, plan = planned("kill", service="web")
    undo = fault.prepare(plan, whose.target)
    (name,) = cast("list[str]", undo["replicas"])
    before, others = whose.pod(name), {each["metadata"]["uid"] for each in whose.pods("")}
    injected = fault.inject(plan, whose.target, undo)
    end = whose.ends.of(before, "main")
    assert (end.code, injected["service"]) == (KILLED, "web")
    assert fault.prove(plan, whose.target, injected).bites
    wait_until(lambda: fault.healed(undo, whose.target), within_s=HEALED_S, what="another pod")
    wait_until(lambda: whose.whole("web", 2), within_s=HEALED_S, what="its endpoint")

    def gone() -> set[str]:
        return others - {each["metadata"]["uid"] for each in whose.pods("")}

    wait_until(lambda: before["metadata"]["uid"] in gone(), within_s=HEALED_S, what="the end of the pod")
    assert gone() == {before["metadata"]["uid"]}


def test_a_pause_holds_who_runs_as_only_the_image_says(whose: Whose) -> None:
    """And lets go."""
    fault, plan = planned("pause", service="web")
    undo = fault.prepare(plan, whose.target)
    injected = fault.inject(plan, whose.target, undo)
    assert fault.prove(plan, whose.target, injected).measured == 1
    fault.undo(undo, whose.target)
    wait_until(lambda: fault.healed(undo, whose.target), within_s=HEALED_S, what="it to go on")


def test_the_container_that_has_the_port_is_killed_and_not_the_sidecar_before_it(whose: Whose) -> None:
    """It is root with the capabilities that every container has; the sidecar ends with the pod."""
    (before,) = whose.pods("canary")
    name = before["metadata"]["name"]
    whose.target.kill("canary", name, lease_s=0)
    main, side = whose.ends.of(before, "main"), whose.ends.of(before, "side")
    assert main.code == KILLED
    assert side.at_s > main.at_s
    wait_until(lambda: whose.target.is_ready("canary", name), within_s=HEALED_S, what="another pod")


def test_what_cannot_be_a_crash_is_refused_before_the_load_and_never_done_otherwise(whose: Whose) -> None:
    """Its processes cannot be told from others'; asked with a grace, it is a shutdown, and is one."""
    with pytest.raises(
        TargetError, match=r"(?s)kill of shared cannot be a crash.*grace: 2s.*pause of shared is not possible"
    ):
        whose.target.attach_to_trace({"shared": 1}, ["shared"])
    (before,) = whose.pods("shared")
    name = before["metadata"]["name"]
    with pytest.raises(TargetError, match="shares its process namespace"):
        whose.target.kill("shared", name, lease_s=0)
    assert whose.pod(name)["metadata"].get("deletionTimestamp") is None
    fault, plan = planned("kill", service="shared", grace="2s")
    undo = fault.prepare(plan, whose.target)
    injected = fault.inject(plan, whose.target, undo)
    assert whose.ends.of(before, "main").code == ASKED
    wait_until(lambda: fault.prove(plan, whose.target, injected).bites, within_s=HEALED_S, what="the proof")
    wait_until(lambda: fault.healed(undo, whose.target), within_s=HEALED_S, what="another pod")
