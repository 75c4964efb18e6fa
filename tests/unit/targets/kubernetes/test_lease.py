"""When the holder of a lease counts as dead."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from kubernetes.client import Configuration, V1Lease, V1LeaseSpec, V1ObjectMeta

from gameday.agent.lifeline import boot_id
from gameday.targets.kubernetes import lease
from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.keeper import new_run


class Renewed:
    """The leases of an API server, of which one is renewed at every third look; keeps how often it was read."""

    def __init__(self, process: str, *, renews: bool = True) -> None:
        """Hold it for a process, in the words in which one may have written who it is."""
        self._process, self._renews = process, renews
        self.reads = 0

    def read_namespaced_lease(self, name: str, namespace: str, **_: object) -> V1Lease:
        """Return it as it is now: renewed just now, by this machine's clock."""
        self.reads += 1
        notes = {"gameday.dev/who": "alice on a-machine", "gameday.dev/process": self._process}
        version = str(self.reads // 3) if self._renews else "1"
        meta = V1ObjectMeta(name=name, namespace=namespace, resource_version=version, annotations=notes)
        now = datetime.now(UTC)
        spec = V1LeaseSpec(holder_identity="theirs", lease_duration_seconds=15, acquire_time=now, renew_time=now)
        return V1Lease(metadata=meta, spec=spec)


def api_of(leases: Renewed) -> Api:
    """Return a connection to a server with these leases."""
    api = Api("a-context", Configuration())
    api.coordination = leases
    return api


def ended() -> str:
    """Return what a process that has ended would have written of itself on a machine of this one's name."""
    with subprocess.Popen([sys.executable, "-c", "0"]) as process:
        return f"{socket.gethostname()} {boot_id()} {process.pid} 1.0"


def of_another_boot() -> str:
    """Return what this process would have written on a machine of the same name."""
    return f"{socket.gethostname()} another-boot {os.getpid()} 1.0"


@pytest.mark.parametrize("process", [ended(), of_another_boot(), ""], ids=["ended", "another-boot", "unsaid"])
def test_a_lease_that_is_renewed_is_not_abandoned_whatever_its_holder_is_called(process: str) -> None:
    """Another machine may have the same hostname, and the same process ids."""
    leases = Renewed(process)
    api = api_of(leases)
    held = lease.read(api, "a-namespace")
    assert held is not None
    assert not lease.is_abandoned(api, "a-namespace", held)


def test_a_lease_is_watched_for_longer_than_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """However dead its holder seems from here."""
    monkeypatch.setattr(lease, "DURATION_S", 1.0)
    monkeypatch.setattr(lease, "_ANSWER_S", (0.2, 0.3))
    leases = Renewed(ended(), renews=False)
    api = api_of(leases)
    held = lease.read(api, "a-namespace")
    assert held is not None
    assert lease.is_abandoned(api, "a-namespace", held)
    assert leases.reads > 3


def test_the_name_of_a_run_can_be_the_value_of_a_label() -> None:
    """At most 63 characters, and no two alike."""
    first, second = new_run(), new_run()
    assert first != second
    assert len(first) <= 63
    assert first.replace("-", "").isalnum()
