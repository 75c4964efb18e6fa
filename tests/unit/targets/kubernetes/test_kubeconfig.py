"""A kubeconfig is somebody else's file: whatever is wrong with it is told by its name, never as a fault of gameday's."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.targets.kubernetes.api import contexts, open_api
from gameday.targets.protocol import TargetError

CONTEXT = "{name: prod, context: {cluster: there, user: me}}"
CLUSTER = '{name: there, cluster: {server: "https://127.0.0.1:1"}}'


@pytest.fixture(name="path")
def _path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name another file as a user does; the library has looked up KUBECONFIG when it was imported, and must not go by that."""
    path = tmp_path / "config"
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "- a\n- list\n",
        "only text",
        "",
        "contexts: 5\n",
        "contexts: [prod]\n",
        "contexts: [{context: {}}]\n",
        f"contexts: [{CONTEXT}]\n",
        f"contexts: [{CONTEXT}]\nclusters: 5\n",
    ],
)
def test_a_broken_file_is_told_by_its_name(path: Path, text: str) -> None:
    """With what is valid and what to look at, in one line."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TargetError) as caught:
        open_api("prod")
    told = str(caught.value)
    assert told.startswith(f"the kubeconfig {path} cannot be read: ")
    assert told.endswith("; see: kubectl config view")
    assert "\n" not in told


def test_a_file_that_is_not_text_is_told(path: Path) -> None:
    """As any other that is none."""
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TargetError, match="cannot be read"):
        open_api("prod")


def test_a_folder_is_no_kubeconfig(path: Path) -> None:
    """As after ``KUBECONFIG=/tmp``."""
    path.mkdir()
    with pytest.raises(TargetError, match=f"the kubeconfig {path} cannot be read: Is a directory"):
        contexts()


def test_without_a_file_there_is_no_context(path: Path) -> None:
    """Before the first cluster, that is no mistake."""
    assert not path.exists()
    assert contexts() == ()
    with pytest.raises(TargetError, match="there is no context prod in your kubeconfig; contexts: none"):
        open_api("prod")


def test_a_context_is_found_though_none_is_the_current_one(path: Path) -> None:
    """It is named in the system file, so nobody has to have chosen one."""
    path.write_text(
        f"contexts: [{CONTEXT}]\nclusters: [{CLUSTER}]\nusers: [{{name: me, user: {{}}}}]\n", encoding="utf-8"
    )
    assert contexts() == ("prod",)
    assert open_api("prod").configuration.host == "https://127.0.0.1:1"
    open_api.cache_clear()
    with pytest.raises(TargetError, match="contexts: prod;"):
        open_api("staging")
