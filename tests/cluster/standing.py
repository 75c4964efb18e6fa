"""The shop in the cluster, and programs that look at it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gameday.experiment.model import System
from gameday.targets.kubernetes.manifests import accounts
from gameday.targets.kubernetes.rights import EVERYTHING, Grant

ROOT = Path(__file__).parents[2]
CONTEXT, NAMESPACE = "kind-gameday", "shop"
_UP_S = 900.0


@dataclass(frozen=True, slots=True)
class Stands:
    """
    The shop that stands.

    Attributes:
        system: Its system file.
        admin: The kubeconfig of whoever may do everything, for what tests prepare and look at.
        account: The kubeconfig of the account that ships; the process itself uses this one.
    """

    system: System
    admin: str | None
    account: Path

    def admin_environment(self) -> dict[str, str]:
        """Return the environment for a program that may do everything."""
        return _environment(self.admin)


def call_gameday(
    *words: str, environment: Mapping[str, str], folder: Path, within_s: float = _UP_S
) -> subprocess.CompletedProcess[str]:
    """Run gameday as a user does and return what it printed."""
    command = (sys.executable, "-m", "gameday.cli", *words)
    return subprocess.run(
        command, cwd=folder, env=dict(environment), capture_output=True, text=True, check=False, timeout=within_s
    )


def kubectl(stands: Stands, *words: str, given: str | None = None, codes: Collection[int] = (0,)) -> str:
    """Run kubectl as whoever may do everything, and return what it prints: why it failed, where it may."""
    command = ("kubectl", "--context", CONTEXT, *words)
    ended = subprocess.run(
        command, env=stands.admin_environment(), input=given, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode in codes, ended.stderr
    return ended.stderr if ended.returncode else ended.stdout


def grant(stands: Stands, *names: str, only: Grant = EVERYTHING, verb: str = "apply") -> None:
    """Give the accounts of the shop the rights that ``gameday manifests`` prints, or ``delete`` them."""
    kubectl(stands, verb, "--filename", "-", given=accounts(NAMESPACE, names, only))


@contextmanager
def narrowed(stands: Stands, *uses: str) -> Iterator[None]:
    """Narrow the account ``gameday`` of the shop to some uses, under the policy, for as long as this lasts."""
    try:
        grant(stands, "policy", "role", only=Grant(uses))
        yield
    finally:
        grant(stands, "role")
        grant(stands, "policy", verb="delete")


def _environment(kubeconfig: str | None) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    return others if kubeconfig is None else {**others, "KUBECONFIG": kubeconfig}


def lacking() -> str | None:
    """Say what is missing for a cluster on this machine; None when nothing is."""
    for program in ("docker", "kind", "kubectl"):
        if shutil.which(program) is None:
            return f"there is no {program} here, so no cluster"
    asked = ("docker", "version", "--format", "{{.Server.Version}}")
    if subprocess.run(asked, capture_output=True, check=False, timeout=60).returncode != 0:
        return "Docker does not run here, so there is no cluster"
    return None
