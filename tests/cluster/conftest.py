"""The cluster that these tests run on: made as a user makes it, and used with exactly the rights that ship."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.account import write_kubeconfig
from cluster.fronts import FRONT, POLICIES, Place, write_experiments
from cluster.standing import CONTEXT, NAMESPACE, ROOT, Stands, call_gameday, kubectl, lacking
from gameday.experiment.loading.system import load_system
from gameday.targets.kubernetes.api import open_api

HERE = Path(__file__).parent
REQUIRED = "GAMEDAY_CLUSTER"
"""``required`` in this environment variable makes a missing Docker a failure."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all tests of the one cluster on one worker."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.xdist_group("cluster"))


@pytest.fixture(scope="session")
def stands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stands]:
    """See that the shop is up, by the real command, and become the account ``gameday`` for all tests of the session."""
    if reason := lacking():
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(f"{reason}, and {REQUIRED}=required")
        pytest.skip(reason)
    ended = call_gameday("up", "--target", "kind", environment=os.environ, folder=ROOT)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    admin = os.environ.get("KUBECONFIG")
    account = tmp_path_factory.mktemp("account") / "kubeconfig"
    write_kubeconfig(open_api(CONTEXT), CONTEXT, NAMESPACE, account)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(account))
        open_api.cache_clear()
        yield Stands(load_system("shop", (ROOT / "experiments" / "systems",)), admin, account)
    open_api.cache_clear()


@pytest.fixture
def place(stands: Stands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Make a namespace of its own, and remove it and all that was made for it."""
    namespace = f"refusals-{secrets.token_hex(3)}"
    made = Place(stands, namespace, tmp_path, stands.admin_environment())
    monkeypatch.setenv("KUBECONFIG", stands.admin or os.path.expanduser("~/.kube/config"))  # noqa: PTH111 - as kubectl has it
    open_api.cache_clear()
    kubectl(stands, "create", "namespace", namespace)
    try:
        made.kubectl("apply", "--filename", "-", given=FRONT)
        made.kubectl("rollout", "status", "deployment/front", "--timeout=90s")
        write_experiments(made)
        yield made
    finally:
        ignored = ("--ignore-not-found", "--wait=false")
        policies = (namespace, *(f"gameday-{name}-{namespace}" for name in POLICIES))
        kubectl(stands, "delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", *policies, *ignored)
        kubectl(
            stands, "delete", "clusterrolebinding", f"gameday-nodes-{namespace}", f"only-nodes-{namespace}", *ignored
        )
        kubectl(stands, "delete", "clusterrole", f"gameday-nodes-{namespace}", *ignored)
        kubectl(stands, "delete", "namespace", namespace, *ignored)
        open_api.cache_clear()
