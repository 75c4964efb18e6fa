"""What ``gameday down --target kind`` removes, and what it leaves: in a namespace that was there before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.standing import ROOT, Stands, call_gameday, kubectl
from system.target.running import wait_until

pytestmark = pytest.mark.cluster
_SPACE = "t-twin"
_OURS = ("-l", "app.kubernetes.io/managed-by=gameday", "-o", "name")
_KINDS = "deployments,services,configmaps,secrets,persistentvolumeclaims,poddisruptionbudgets,roles,rolebindings,serviceaccounts"


@pytest.fixture
def twin(stands: Stands, tmp_path: Path) -> Iterator[Path]:
    """Write the system file of a second shop, whose NodePorts are asked on the node itself, and make its namespace by hand."""
    path = "jsonpath={.status.addresses[?(@.type=='InternalIP')].address}"
    address = kubectl(stands, "get", "node", "gameday-worker", "-o", path)
    text = (ROOT / "experiments" / "systems" / "shop.yaml").read_text(encoding="utf-8")
    text = text.replace("namespace: shop", f"namespace: {_SPACE}")
    text = re.sub(r"http://127\.0\.0\.1:300(8\d)", rf"http://{address}:301\1", text)
    folder = tmp_path / "experiments" / "systems"
    folder.mkdir(parents=True)
    (folder / "shop.yaml").write_text(text, encoding="utf-8")
    kubectl(stands, "create", "namespace", _SPACE)
    kubectl(stands, "-n", _SPACE, "create", "configmap", "mine")
    yield tmp_path
    kubectl(stands, "delete", "namespace", _SPACE, "--wait=false")


def test_down_removes_what_up_made_and_nothing_else(stands: Stands, twin: Path) -> None:
    """A namespace that was there stays, with what others have in it; so does the other shop."""
    environment = stands.admin_environment()
    ended = call_gameday("up", "--target", "kind", "--variant", "naive", environment=environment, folder=twin)
    assert ended.returncode == 0, ended.stderr
    assert "shop is up on kind, naive" in ended.stdout
    before = kubectl(stands, "get", _KINDS, "-n", "shop", *_OURS)
    assert len(kubectl(stands, "-n", _SPACE, "get", _KINDS, *_OURS).split()) > 20
    ended = call_gameday("down", "--target", "kind", environment=environment, folder=twin)
    assert ended.returncode == 0, ended.stderr
    assert "deployment/web" in ended.stdout
    assert kubectl(stands, "-n", _SPACE, "get", _KINDS, *_OURS) == ""
    assert "configmap/mine" in kubectl(stands, "-n", _SPACE, "get", "configmaps", "-o", "name")
    others = ("get", "clusterrolebindings,persistentvolumes", "-o", "name")
    wait_until(lambda: _SPACE not in kubectl(stands, *others), what="its volume to be let go")
    assert "gameday-nodes" in kubectl(stands, "get", "clusterroles", "-o", "name")
    assert kubectl(stands, "get", _KINDS, "-n", "shop", *_OURS) == before
    ended = call_gameday("down", "--target", "kind", environment=environment, folder=twin)
    assert ended.returncode == 0
    assert "no shop is up on kind" in ended.stdout
