"""Every fault on the real local system: it takes effect, shows it, ends when it is undone, and ends by itself when nobody renews it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from pydantic import JsonValue

from gameday.experiment.catalogue import PlannedFault
from gameday.faults import catalogue
from gameday.faults.protocol import Fault
from gameday.targets.events import ProcessExited
from gameday.targets.local.folder import sweep
from gameday.targets.protocol import Errors, Stress, TargetError
from samples import planned
from system.processes import is_there, kill_together
from system.target.running import CHECKOUT, LOGIN, Ask, Shop, running, send, wait_until

pytestmark = pytest.mark.system
PAYMENTS = "web -> payments"
FAULTS: dict[str, tuple[str, dict[str, JsonValue]]] = {
    "latency": ("latency", {"edge": PAYMENTS, "delay": "300ms"}),
    "blackhole": ("blackhole", {"edge": PAYMENTS}),
    "blackhole-cache": ("blackhole", {"service": "cache"}),
    "errors": ("errors", {"edge": PAYMENTS, "path": "/pay*", "status": 502, "share": "50%"}),
    "kill-web": ("kill", {"service": "web"}),
    "kill-cache": ("kill", {"service": "cache", "down": "5s"}),
    "kill-database": ("kill", {"service": "database"}),
    "pause-web": ("pause", {"service": "web", "replicas": "all"}),
    "pause-database": ("pause", {"service": "database"}),
    "stress": ("stress", {"cpu": "0.2 cores", "memory": "30MB"}),
}


def case(name: str) -> tuple[Fault, PlannedFault]:
    """Return a fault and how the shop's plan resolves it."""
    fault, parameters = FAULTS[name]
    return catalogue()[fault], planned(fault, parameters).faults[0]


def works(shop: Shop) -> bool:
    """Return whether routes that need every service answer."""
    asks = (
        Ask("POST", shop.url("/login"), LOGIN),
        Ask("POST", shop.url("/checkout"), CHECKOUT),
        Ask("GET", shop.url("/product/1")),
    )
    return all(answer.status == 200 for answer in send(asks, patience_s=5))


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_shows_in_the_targets_signals_and_is_undone(naive: Shop, name: str) -> None:
    """The same steps as in an experiment, under a little traffic."""
    fault, plan = case(name)
    naive.host.events()
    undo = fault.prepare(plan, naive.target)
    injected = fault.inject(plan, naive.target, undo)

    def bites() -> bool:
        fault.renew(plan, naive.target, undo)
        asks = [Ask("POST", naive.url("/checkout"), CHECKOUT), Ask("GET", naive.url("/product/1"))]
        send(asks * 4, patience_s=0.5)
        return fault.prove(plan, naive.target, injected).bites

    try:
        wait_until(bites, what=f"the proof of {name}")
    finally:
        fault.undo(undo, naive.target)
    wait_until(lambda: fault.healed(undo, naive.target), what=f"the healing of {name}")
    fault.undo(undo, naive.target)
    wait_until(lambda: works(naive), what="every route")
    unexpected = [e for e in naive.host.events() if isinstance(e, ProcessExited) and not e.expected]
    assert unexpected == []


LEASED: dict[str, tuple[Callable[[Shop, float], object], Callable[[Shop], bool]]] = {
    "blackhole": (
        lambda shop, lease_s: shop.target.blackhole(PAYMENTS, lease_s=lease_s),
        lambda shop: not shop.target.edge(PAYMENTS).blackholed,
    ),
    "errors": (
        lambda shop, lease_s: shop.target.reject(PAYMENTS, Errors("*", 503, 1.0), lease_s=lease_s),
        lambda shop: shop.target.edge(PAYMENTS).errors is None,
    ),
    "down": (
        lambda shop, lease_s: shop.target.kill("cache", "cache", lease_s=lease_s),
        lambda shop: shop.target.is_ready("cache", "cache"),
    ),
    "pause": (
        lambda shop, lease_s: shop.target.pause("database", "database", lease_s=lease_s),
        lambda shop: not shop.target.replicas("database")[0].stopped,
    ),
    "stress": (
        lambda shop, lease_s: shop.target.stress("host", Stress(0.1, 1e6, 0.1, 1e6), lease_s=lease_s),
        lambda shop: shop.target.stressed("host") is None,
    ),
}


@pytest.mark.parametrize("name", sorted(LEASED))
def test_a_fault_that_nobody_renews_ends_by_itself(naive: Shop, name: str) -> None:
    """Who asked for it may be dead; the second call's lease counts, not the first's."""
    begin, is_over = LEASED[name]
    begin(naive, 0.1)
    begin(naive, 60)
    assert not is_over(naive)
    begin(naive, 0.5)
    wait_until(lambda: is_over(naive), what=f"the end of {name}")
    wait_until(lambda: works(naive), what="every route")


def test_a_process_is_kept_down_for_as_long_as_it_is_asked_for(naive: Shop) -> None:
    """Renewals do not let it start in between."""
    for lease_s in (2, 10, 10, 10):  # the second call's lease counts, and not the first one's
        naive.target.kill("cache", "cache", lease_s=lease_s)
        send([Ask("GET", naive.url("/product/1"))], patience_s=1)
        assert naive.target.replicas("cache")[0].identity is None
    naive.target.revive("cache", "cache")
    wait_until(lambda: naive.target.is_ready("cache", "cache"), what="the cache")


def test_a_killed_database_keeps_what_it_held_and_a_killed_cache_does_not(naive: Shop) -> None:
    """The one recovers from its log, the other is a cache."""
    assert naive.target.cache_keys("cache", None) > 0
    for store in ("cache", "database"):
        naive.target.kill(store, store, lease_s=0)
        wait_until(lambda store=store: naive.target.is_ready(store, store), what=f"{store}")  # type: ignore[misc]
    assert naive.target.cache_keys("cache", None) == 0
    wait_until(lambda: works(naive), what="every route")


def test_what_a_pause_holds_goes_on_when_the_holder_is_killed(naive: Shop) -> None:
    """The node hears of the holder's end."""
    naive.target.pause("database", "database", lease_s=60)
    assert naive.target.replicas("database")[0].stopped
    os.kill(naive.pid("database-pause"), signal.SIGKILL)
    wait_until(lambda: not naive.target.replicas("database")[0].stopped, what="the database to go on")
    naive.target.resume("database", "database")
    wait_until(lambda: works(naive), what="every route")


def test_more_than_the_machine_has_is_refused_in_words(naive: Shop) -> None:
    """Nothing is started."""
    with pytest.raises(TargetError, match="cores, this machine has"):
        naive.target.stress("host", Stress(1, 0, 4096, 0), lease_s=5)
    with pytest.raises(TargetError, match="half of what is free"):
        naive.target.stress("host", Stress(0, 1, 0, 1e15), lease_s=5)
    assert naive.target.stressed("host") is None


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_shop_ends_although_some_of_it_is_stopped(tmp_path: Path, end: str) -> None:
    """A stopped process hears no signal but SIGKILL: whoever holds it lets it go on first."""
    with running(tmp_path) as shop:
        shop.target.pause("database", "database", lease_s=60)
        shop.target.pause("payments", "payments", lease_s=60)
        shop.target.stress("host", Stress(0.1, 1e6, 0.1, 1e6), lease_s=60)
        node = psutil.Process(shop.host.pid)
        processes = [node, *node.children(recursive=True)]
        if end == "stop":
            shop.host.stop()
        else:
            node.kill()
        wait_until(lambda: not any(is_there(each) for each in processes), what="the end of all processes")


def test_what_nobody_lets_go_on_any_more_is_ended_by_the_next_sweep(tmp_path: Path) -> None:
    """Holder and node are killed in one moment: the database's own children are stopped, and hear of no end."""
    with running(tmp_path) as shop:
        shop.target.pause("database", "database", lease_s=60)
        stopped = psutil.Process(shop.pid("database")).children(recursive=True)
        both = [psutil.Process(shop.host.pid), psutil.Process(shop.pid("database-pause"))]
        kill_together(*(each.pid for each in both))
        wait_until(lambda: not any(is_there(each) for each in both), what="the end of the node")
        assert any(is_there(each) for each in stopped)
        # A process that the node was just starting holds the folder's lock until it is one of its own.
        folders = wait_until(sweep, what="the folder to be nobody's")
        wait_until(lambda: not any(is_there(each) for each in stopped), what=f"the end of what ran in {folders}")
