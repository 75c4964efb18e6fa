"""A service that is no shop counts by Micrometer's names, and its account is compared with the rows of a real load."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from gameday.analysis.judge import judge
from gameday.analysis.model import Gate, Status
from gameday.experiment.model import Experiment, System
from gameday.experiment.plan import Plan, plan
from gameday.faults import catalogue
from gameday.record.folder import RunData
from gameday.record.metrics import read_metrics
from gameday.record.requests import read_rows
from gameday.runner.env import Env
from gameday.runner.sampler import Sampler
from gameday.targets.pages import ServicePage, parse_page, service_page
from gameday.targets.protocol import Target
from simulator.world import story
from system.load.loads import LIMIT_S, session, wait_until
from system.load.servers import Reply, Request, Server, answer

TOOK_S = 0.02
URIS = {"GET": "/product/{sku}", "POST": "/cart"}


@dataclass
class Market:
    """Answers after 20 ms and counts like Spring Boot; of each five carts it counts only four if it ``forgets``."""

    forgets: bool
    count: Counter[str] = field(default_factory=Counter)
    sum_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    posts: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def respond(self, request: Request) -> Reply:
        """Answer a page of counters, or a request that is counted."""
        if request.target == "/actuator/prometheus":
            return answer(body=self.page().encode())
        begun_s = time.monotonic()
        threading.Event().wait(TOOK_S)
        with self.lock:
            self.posts += request.method == "POST"
            if not (self.forgets and request.method == "POST" and self.posts % 5 == 0):
                self.count[request.method] += 1
                self.sum_s[request.method] += time.monotonic() - begun_s
        return answer()

    def page(self) -> str:
        """Write the counters as Micrometer does, those of the health checks of others among them."""
        with self.lock:
            lines = [
                f'http_server_requests_seconds_{part}{{exception="none",method="{method}",outcome="SUCCESS",status="200",uri="{uri}",}} {of[method]}'
                for method, uri in URIS.items()
                for part, of in (("count", self.count), ("sum", self.sum_s))
                if method in self.count
            ]
        other = 'http_server_requests_seconds_count{exception="none",method="GET",outcome="SUCCESS",status="200",uri="/health",} 900'
        return "\n".join(("# TYPE http_server_requests_seconds summary", *lines, other, ""))


@dataclass
class Scraped:
    """What of a target is needed to sample one service's page: it is read over HTTP."""

    url: str
    page: ServicePage

    def metrics(self) -> Mapping[str, Mapping[str, float]]:
        """Read the page once."""
        with urllib.request.urlopen(f"{self.url}/actuator/prometheus", timeout=5) as read:  # noqa: S310 - on this machine
            return {"market": self.page.merged({"market-1": parse_page(read.read().decode())})}


def market_plan(**counters: object) -> Plan:
    """Return a plan without a fault for a market with a mapping."""
    system = {
        "name": "market",
        "targets": {"kind": {"context": "kind-none", "namespace": "market", "url": "http://127.0.0.1:1"}},
        "services": {"market": {"metrics": "/actuator/prometheus", "counters": {"preset": "micrometer", **counters}}},
        "routes": {
            "product": {"request": "GET /product/{id}", "keys": "zipf(1.0, 20)", "hard": ["market"]},
            "fill": {"request": "POST /cart", "body": {"product": 7}, "hard": ["market"]},
        },
    }
    experiment = {
        "title": "Is it counted?",
        "description": "It is, or it is not.",
        "system": "market",
        "load": {"routes": {"product": "40/s", "fill": "40/s"}, "hang": "2s"},
        "phases": {"warmup": "1s", "baseline": "7s", "fault": "3s", "recovery": "1s"},
        "steady-state-hypothesis": {"title": "Served", "probes": [{"route": "product", "good": "> 50%"}]},
        "method": [{"fault": "none", "parameters": {}}],
    }
    return plan(
        Experiment.model_validate(experiment),
        System.model_validate(system),
        catalogue(),
        name="market",
        target="kind",
        variant=None,
        seed=1,
    )


def run(folder: Path, *, forgets: bool) -> RunData:
    """Load a market for twelve seconds and return what was recorded."""
    made = market_plan()
    with Server(Market(forgets).respond) as server, session(made, folder, server.url) as load:
        load.start(timeout_s=LIMIT_S)
        origin_s = time.monotonic() + 0.5
        target = cast("Target", Scraped(server.url, service_page(made.system.services["market"].counters)))
        sampler = Sampler(folder, target, Env(), start_s=origin_s)
        load.begin(origin_s)
        sampler.start()
        wait_until(lambda: load.poll() is None and load.finished, "the load ends")
        sampler.stop()
        return RunData(made, read_rows(folder), story(made), read_metrics(folder))


def account(data: RunData) -> Gate:
    """Return the gate that compares client and server."""
    return next(gate for gate in judge(data).gates if gate.id == "gate.accounting")


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    """Return a run on a market that counts everything."""
    return run(tmp_path_factory.mktemp("honest"), forgets=False)


def test_what_micrometer_counts_is_compared_with_the_rows(honest: RunData) -> None:
    """By uri and method, though the framework gives what is drawn a name of its own."""
    found = account(honest)
    assert found.status is Status.PASS, (found.reason, found.evidence)
    assert [text.partition(":")[0] for text in found.evidence] == ["product", "fill"]
    assert found.n > 400


def test_a_service_that_counts_four_of_five_is_found_out(tmp_path: Path) -> None:
    """Only of the route of which it forgets some."""
    found = account(run(tmp_path, forgets=True))
    assert found.status is Status.FAIL
    assert found.reason.startswith("fill: the server counted ")


def test_a_mapping_to_what_the_service_does_not_publish_is_told(honest: RunData) -> None:
    """Nothing is compared, and nothing is taken for zero."""
    found = account(replace(honest, plan=market_plan(requests="http_requests_total")))
    assert found.status is Status.SHOWN
    assert found.reason == (
        "market publishes no http_requests_total; it publishes: http_server_requests_seconds_count, "
        "http_server_requests_seconds_sum, so only the rows say what happened"
    )
