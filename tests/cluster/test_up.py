"""What ``gameday up --target kind`` makes, says and refuses."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.standing import CONTEXT, NAMESPACE, ROOT, Stands, call_gameday, kubectl
from gameday.targets.kubernetes.api import Api, open_api
from gameday.targets.kubernetes.diagnosis import explain, unready
from gameday.targets.kubernetes.image import LOAD, SHOP

pytestmark = pytest.mark.cluster
_BAD = "t-diagnosis"
_POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{{name: main, image: "{image}", imagePullPolicy: Never, command: [python, -c, "raise SystemExit('no luck')"]}}]
"""


def test_it_is_up_already_the_second_time(stands: Stands) -> None:
    """Nothing changes, and the routes are told in a form that can be typed."""
    call_gameday(
        "up", "--target", "kind", environment=stands.admin_environment(), folder=ROOT
    )  # other tests change rights
    ended = call_gameday("up", "--target", "kind", environment=stands.admin_environment(), folder=ROOT)
    assert ended.returncode == 0, ended.stderr
    assert "shop is up already on kind" in ended.stdout
    assert "curl http://127.0.0.1:30080/product/1" in ended.stdout


def test_requests_enter_from_this_machine(stands: Stands) -> None:
    """Both NodePorts are mapped."""
    assert stands.system.targets.kind is not None
    for service, path in (("web", "/product/1"), ("pulse", "/pulse")):
        url = stands.system.targets.kind.url_of(service)
        with urllib.request.urlopen(f"{url}{path}", timeout=10) as answer:  # noqa: S310 - http, of the system file
            assert answer.status == 200


def test_replicas_of_web_stand_on_different_nodes(stands: Stands) -> None:
    """So a node may be lost; and no part of the shop runs where the load enters."""
    columns = "jsonpath={range .items[*]}{.metadata.labels.app\\.kubernetes\\.io/name} {.spec.nodeName}{'\\n'}{end}"
    lines = kubectl(stands, "-n", NAMESPACE, "get", "pods", "-o", columns).split("\n")
    pods = [tuple(line.split()) for line in lines if line.startswith(tuple(stands.system.services))]
    web = [node for name, node in pods if name == "web"]
    assert len(web) == len(set(web)) == 2
    assert not [node for _, node in pods if node.endswith("control-plane")]


def test_every_node_that_may_run_a_pod_has_its_image(stands: Stands) -> None:
    """A Job that undoes a drain may be on the control plane: without the image there it would never start."""
    nodes = kubectl(stands, "get", "nodes", "--output", "jsonpath={.items[*].metadata.name}").split()
    for node in nodes:
        command = ("docker", "exec", node, "ctr", "--namespace", "k8s.io", "images", "list", "--quiet")
        there = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        for image in (SHOP.name, LOAD.name) if not node.endswith("control-plane") else (SHOP.name,):
            assert f"docker.io/library/{image}" in there.split(), f"{node} lacks {image}"


def test_what_every_node_runs_besides_is_limited(stands: Stands) -> None:
    """But for kube-proxy, which ends a killed pod's traffic."""
    line = "{.metadata.name} {.spec.template.spec.containers[*].resources.limits.cpu}"
    told = kubectl(
        stands, "-n", "kube-system", "get", "daemonsets", "-o", f"jsonpath={{range .items[*]}}{line}{{'\\n'}}{{end}}"
    )
    limits = dict(each.strip().partition(" ")[::2] for each in told.splitlines())
    assert limits.pop("kube-proxy") == ""
    assert limits
    assert all(limits.values()), limits


def test_the_account_has_no_more_than_its_role(stands: Stands) -> None:
    """It may read no Secret, make no pod, and touch no other namespace."""
    account = ("auth", "can-i", "--as", f"system:serviceaccount:{NAMESPACE}:gameday")
    for forbidden in (("get", "secrets"), ("create", "pods"), ("create", "deployments"), ("create", "pods/exec")):
        with pytest.raises(AssertionError):
            kubectl(stands, *account, *forbidden, "-n", NAMESPACE)
    with pytest.raises(AssertionError):
        kubectl(stands, *account, "delete", "pods", "-n", "default")
    assert kubectl(stands, *account, "delete", "pods", "-n", NAMESPACE).strip() == "yes"


def test_a_context_that_nobody_allowed_is_refused(stands: Stands, tmp_path: Path) -> None:
    """Exit 5, before anything is asked; allowed, but unknown, it names the contexts that there are."""
    folder = tmp_path / "experiments" / "systems"
    folder.mkdir(parents=True)
    text = (ROOT / "experiments" / "systems" / "shop.yaml").read_text(encoding="utf-8")
    (folder / "shop.yaml").write_text(text.replace(CONTEXT, "production"), encoding="utf-8")
    environment = stands.admin_environment()
    ended = call_gameday("up", "--target", "kind", environment=environment, folder=tmp_path)
    assert ended.returncode == 5
    assert "--allow-context production" in ended.stderr
    ended = call_gameday(
        "up", "--target", "kind", "--allow-context", "production", environment=environment, folder=tmp_path
    )
    assert ended.returncode == 3
    assert f"contexts: {CONTEXT}" in ended.stderr


def test_without_docker_it_says_what_to_do(stands: Stands) -> None:
    """The program that is missing is named."""
    environment = {**stands.admin_environment(), "PATH": "/nonexistent"}
    ended = call_gameday("up", "--target", "kind", environment=environment, folder=ROOT)
    assert ended.returncode == 3
    assert "the program docker is not on PATH; install it" in ended.stderr
    environment = {**stands.admin_environment(), "DOCKER_HOST": "unix:///nonexistent"}
    ended = call_gameday("up", "--target", "kind", environment=environment, folder=ROOT)
    assert ended.returncode == 3
    assert "Docker does not run" in ended.stderr


@pytest.fixture
def api(stands: Stands) -> Iterator[Api]:
    """Speak to the cluster as whoever may do everything, in a namespace for pods that never get ready."""
    kubectl(stands, "create", "namespace", _BAD)
    with pytest.MonkeyPatch.context() as patch:
        if stands.admin is None:
            patch.delenv("KUBECONFIG")
        else:
            patch.setenv("KUBECONFIG", stands.admin)
        open_api.cache_clear()
        yield open_api(CONTEXT)
    open_api.cache_clear()
    kubectl(stands, "delete", "namespace", _BAD)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("gameday-absent:dev", ("ErrImageNeverPull", "gameday up --target kind loads it")),
        ("gameday:dev", ("exit code 1", "said: no luck")),
    ],
)
def test_a_pod_that_never_gets_ready_is_explained(stands: Stands, api: Api, image: str, told: tuple[str, ...]) -> None:
    """By its state, its own events and its last lines."""
    kubectl(stands, "-n", _BAD, "apply", "-f", "-", given=_POD.format(name="unlucky", image=image))
    until_s = time.monotonic() + 40
    text = ""
    while not all(each in text for each in told) and time.monotonic() < until_s:
        time.sleep(0.5)  # the kubelet's own pace
        text = explain(api, _BAD, unready(api, _BAD))
    assert "pod unlucky" in text
    assert all(each in text for each in told), text
    assert os.environ.get("KUBECONFIG") == stands.admin
