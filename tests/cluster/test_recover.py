"""``gameday recover --target kind`` undoes what killed runs left, from the cluster alone."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cluster.standing import Stands
from cluster.test_run import KIND, begin
from gameday.cli.exits import Exit
from gameday.record.history import Event, outstanding, read_history
from gameday.targets.kubernetes import lease
from gameday.targets.kubernetes.api import Api, open_api
from gameday.targets.kubernetes.residue import look
from gameday.targets.kubernetes.site import site_of
from system.running import Running, all_gone, kill, start
from system.variations import short_experiment

pytestmark = pytest.mark.cluster


def recover(out: Path) -> Running:
    """Recover to the end, with a folder of runs of one's own, as on another machine."""
    running = start(out, "recover", *KIND, "--out", str(out))
    running.code()
    return running


def lasting(tmp_path: Path) -> Path:
    """Write an experiment that is not over before it is killed or ended, however slow the machine is."""
    return short_experiment(
        tmp_path / "lasting",
        phases={"warmup": "1s", "baseline": "2s", "fault": "60s", "recovery": "2s", "guard": "500ms"},
    )


def dead(tmp_path: Path) -> Running:
    """Leave a run whose supervisor and worker were killed at once, while its fault was on."""
    running = begin(tmp_path / "runs", experiment=lasting(tmp_path))
    running.wait_for(Event.FAULT_CONFIRMED, within_s=120)
    pids = [int(str(record.data["pid"])) for record in running.history() if record.event == Event.PROCESS_STARTED]
    for pid in (running.process.pid, *pids):
        kill(pid)
    running.code()
    assert all_gone(running.mark)
    return running


@pytest.mark.usefixtures("stands")
def test_where_nothing_is_left_there_is_nothing_to_do(tmp_path: Path) -> None:
    """And that is said."""
    again = recover(tmp_path)
    assert again.code() == Exit.PASSED, again.printed()
    assert "kind: nothing is outstanding" in again.printed()


def test_what_a_killed_run_left_is_undone_from_another_machine(tmp_path: Path, stands: Stands) -> None:
    """Fault, agents and lease; then the run's own folder says how its fault ended."""
    running = dead(tmp_path)
    elsewhere = recover(tmp_path / "elsewhere")
    assert elsewhere.code() == Exit.PASSED, elsewhere.printed()
    assert "agent" in elsewhere.printed()
    assert "lease" in elsewhere.printed()
    site = site_of(stands.system, run="nobody")
    api = open_api(site.context)
    assert look(api, site).sentences() == ()
    assert lease.read(api, site.namespace) is None
    assert outstanding(read_history(running.folder))
    here = recover(running.out)
    assert here.code() == Exit.PASSED, here.printed()
    assert not outstanding(read_history(running.folder))


@pytest.mark.usefixtures("stands")
def test_a_run_that_goes_on_is_not_recovered(tmp_path: Path) -> None:
    """It would be spoilt; whose it is is said."""
    running = begin(tmp_path / "runs", experiment=lasting(tmp_path))
    running.wait_for(Event.LOAD_ORIGIN, within_s=90)
    refused = recover(tmp_path / "elsewhere")
    assert refused.code() == Exit.REFUSED
    assert "holds shop in the cluster" in refused.printed()
    running.process.terminate()
    assert running.code(within_s=90) == Exit.INTERRUPTED, running.printed()


def test_a_lease_is_abandoned_when_nobody_renews_it_for_its_whole_length(
    stands: Stands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewal that comes late, but before its end, keeps it."""
    site = site_of(stands.system, run="nobody")
    api = open_api(site.context)
    monkeypatch.setattr(lease, "DURATION_S", 8)
    lease.create(api, site.namespace, "elsewhere")
    try:
        late = threading.Timer(7.5, lease.renew, (api, site.namespace, "elsewhere"))
        late.start()
        assert not lease.is_abandoned(api, site.namespace, held(api, site.namespace))
        late.join()
        assert lease.is_abandoned(api, site.namespace, held(api, site.namespace))
    finally:
        lease.release(api, site.namespace, "elsewhere")


def held(api: Api, namespace: str) -> lease.Held:
    """Read the lease, which somebody has."""
    found = lease.read(api, namespace)
    assert found is not None
    return found
