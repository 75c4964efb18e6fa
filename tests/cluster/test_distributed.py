"""A load of three workers in the cluster is the plan's load, and leaves nothing, with no more rights than the Role gives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cluster.standing import CONTEXT, Stands, kubectl, narrowed
from gameday.load.distributed import DistributedSession
from gameday.record.requests import Outcome, read_rows
from gameday.targets.kubernetes.api import Api, open_api
from gameday.targets.kubernetes.janitor import RUN
from gameday.targets.kubernetes.loadjobs import LoadJobs, remove
from gameday.targets.kubernetes.site import Site, site_of
from system.load.loads import LIMIT_S, loss, wait_until
from system.load.plans import load_plan

NAME = "test-distributed"
PULSE = {"pulse": {"request": "GET /pulse"}}


@pytest.fixture
def site(stands: Stands) -> Iterator[Site]:
    """Return the shop for a run of this test's own, with the rights for a load and no more, of which nothing is left afterwards."""
    found = site_of(stands.system, run=NAME)
    remove(open_api(CONTEXT), found.namespace, f"{RUN}={NAME}")
    with narrowed(stands, "workers"):
        yield found
    wait_until(lambda: left(open_api(CONTEXT), found) == [], "nothing is left")


def left(api: Api, site: Site) -> list[str]:
    """Return the names of the Jobs and pods of this test's run."""
    with api.translated("looking for what is left"):
        jobs = api.batch.list_namespaced_job(site.namespace, label_selector=f"{RUN}={NAME}").items
        pods = api.core.list_namespaced_pod(site.namespace, label_selector=f"{RUN}={NAME}").items
    return [each.metadata.name for each in (*jobs, *pods)]


def session(site: Site, folder: Path, *, duration_s: float) -> DistributedSession:
    """Return a load of three workers on pulse."""
    plan = load_plan(PULSE, rate="60/s", duration_s=duration_s, workers=3)
    crew = LoadJobs(site)
    return DistributedSession(plan, folder=folder, urls={"pulse": crew.url("pulse")}, secrets={}, crew=crew)


def test_three_workers_send_the_plan_and_are_removed(site: Site, tmp_path: Path) -> None:
    """Every arrival has its row from the worker whose turn it was; the kernel is one, so the clock is."""
    with session(site, tmp_path, duration_s=5.0) as load:
        load.start(timeout_s=LIMIT_S)
        load.begin(time.monotonic() + load.lead_s)
        wait_until(lambda: load.poll() is None and load.finished, "the load ends")
        done = load.finished
        assert done
        assert {each["uncertain_s"] for each in load.workers} == {0.0}
    rows = read_rows(tmp_path)
    assert done.rows == {"pulse": len(rows)}
    assert np.array_equal(rows["worker"], np.arange(len(rows)) % 3)
    assert np.count_nonzero(np.isin(rows["outcome"], [Outcome.OK, Outcome.LATE])) >= 0.95 * len(rows)


def test_a_worker_whose_pod_is_killed_is_named(stands: Stands, site: Site, tmp_path: Path) -> None:
    """The load is lost, and its Jobs are removed all the same."""
    with session(site, tmp_path, duration_s=120.0) as load:
        load.start(timeout_s=LIMIT_S)
        load.begin(time.monotonic() + load.lead_s)
        wait_until(lambda: (tick := load.poll()) and tick.routes[0].good > 5, "some requests ended")
        chosen = f"{RUN}={NAME},batch.kubernetes.io/job-completion-index=1"
        kubectl(stands, "-n", site.namespace, "delete", "pod", "--selector", chosen, "--grace-period=0", "--force")
        wait_until(lambda: loss(load), "the loss is noticed")
        assert "load worker 1" in loss(load)
