"""However a run ends, the system is healed, and nothing of the run is left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from gameday.record.history import Event, outstanding, read_history
from system.running import MARK, Running, all_gone, kill, marked, run, start, wait_until
from system.variations import SHORT, short_experiment

pytestmark = pytest.mark.system


def begin(tmp_path: Path) -> Running:
    """Start the short experiment."""
    return start(tmp_path, "run", str(SHORT), "--out", str(tmp_path))


def is_clean(running: Running) -> bool:
    """Tell whether no process and no fault of a run is left."""
    return all_gone(running.mark) and not outstanding(read_history(running.folder))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_while_the_fault_is_on_ends_the_run_healed(tmp_path: Path, number: signal.Signals) -> None:
    """Undone first, judged then, exit 130."""
    running = begin(tmp_path)
    running.wait_for(Event.FAULT_INJECTED)
    running.process.send_signal(number)
    assert running.code(within_s=30) == 130
    assert is_clean(running)


def test_a_signal_while_the_system_starts_ends_it(tmp_path: Path) -> None:
    """Nothing was injected, so there is nothing but processes to end."""
    running = begin(tmp_path)
    wait_until(lambda: any("postgres" in line for line in marked(running.mark)), within_s=20, what="PostgreSQL")
    running.process.send_signal(signal.SIGINT)
    assert running.code(within_s=30) == 130
    assert is_clean(running)


def test_a_second_signal_hurries(tmp_path: Path) -> None:
    """The worker is not waited for; the supervisor undoes in its place."""
    running = begin(tmp_path)
    running.wait_for(Event.FAULT_INJECTED)
    running.process.send_signal(signal.SIGINT)
    running.process.send_signal(signal.SIGINT)
    assert running.code(within_s=30) == 130
    assert is_clean(running)


def test_killing_everything_at_once_leaves_nothing_but_records_that_recover_completes(tmp_path: Path) -> None:
    """The history says that a fault was on; recovery finds the processes gone and says how it ended."""
    running = begin(tmp_path)
    running.wait_for(Event.FAULT_INJECTED)
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == running.mark:
                kill(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    running.code(within_s=10)
    assert all_gone(running.mark)
    assert outstanding(read_history(running.folder))
    assert start(tmp_path, "recover", "--out", str(tmp_path)).code(within_s=30) == 0
    assert not outstanding(read_history(running.folder))
    again = start(tmp_path, "recover", "--out", str(tmp_path))
    assert again.code(within_s=30) == 0
    assert "nothing is outstanding" in again.printed()


def test_a_second_run_in_the_same_place_is_refused(tmp_path: Path) -> None:
    """Two runs would measure each other; exit 5 names who is there."""
    first = begin(tmp_path)
    first.wait_for(Event.RUN_STARTED)
    second = start(tmp_path / "second", "run", str(SHORT), "--out", str(tmp_path))
    assert second.code(within_s=30) == 5
    assert str(first.process.pid) in second.printed()
    assert first.code() in {0, 3}


def test_two_clones_run_at_the_same_time(tmp_path: Path) -> None:
    """Each has its own ports, database, cache and folders."""
    both = [begin(tmp_path / name) for name in ("one", "two")]
    assert [running.code() for running in both] == [0, 0] or [
        (running.folder / "report.md").exists() for running in both
    ] == [True, True]
    assert all(is_clean(running) for running in both)


def test_an_enforced_abort_ends_the_run_early_and_fails_it(tmp_path: Path) -> None:
    """A protected route burns its budget: the fault is undone seconds later, not at the phase's end."""
    experiment = short_experiment(
        tmp_path,
        load={"routes": {"recommendations": "40/s", "checkout": "40/s", "pulse": "20/s"}},
        phases={"warmup": "1s", "baseline": "2s", "fault": "30s", "recovery": "2s", "guard": "500ms"},
        method=[{"latency": {"edge": "web -> recommendations", "delay": "2s"}}],
        safety={"abort": {"route": "checkout", "burn-rate": "> 10", "mode": "enforce"}},
    )
    running = run(tmp_path / "runs", str(experiment), "--variant", "naive")
    at_s = {record.event: record.t_s for record in running.history()}
    assert running.code() == 1
    assert at_s[Event.FAULT_VERIFIED] - at_s[Event.FAULT_INJECTED] < 20
    assert Event.RUN_ABORTED in at_s
    assert is_clean(running)


def test_no_configured_secret_is_in_the_runs_folder(tmp_path: Path) -> None:
    """Not in the plan, the logs, the journal, the rows or the reports."""
    secret = "correct-horse-battery-staple"  # noqa: S105 - it is made up here
    experiment = short_experiment(tmp_path, system={"secrets": {"token": {"env": "SHOP_TOKEN"}}})
    system = tmp_path / "systems" / "shop.yaml"
    system.write_text(
        system.read_text(encoding="utf-8").replace(
            "request: POST /checkout", "request: POST /checkout\n    headers: {Authorization: 'Bearer ${token}'}"
        ),
        encoding="utf-8",
    )
    running = run(tmp_path / "runs", str(experiment), environment={"SHOP_TOKEN": secret})
    assert running.code() in {0, 3}, running.printed()
    files = [path for path in running.folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    assert "${token}" in (running.folder / "system.yaml").read_text(encoding="utf-8")


def test_the_bundled_redis_serves_when_it_is_asked_for(tmp_path: Path) -> None:
    """Whatever is on PATH."""
    running = run(tmp_path, str(SHORT), environment={"GAMEDAY_REDIS": "bundled"})
    assert running.code() in {0, 3}, running.printed()
    assert '"6.2.' in (running.folder / "run.json").read_text(encoding="utf-8")


def test_other_servers_on_the_usual_ports_do_not_matter(tmp_path: Path) -> None:
    """The demo takes free ports only."""
    running = begin(tmp_path)
    running.wait_for(Event.SYSTEM_READY)
    ports = {
        connection.laddr.port
        for process in psutil.process_iter()
        if _belongs(process, running.mark)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    os.kill(running.process.pid, signal.SIGINT)
    assert running.code(within_s=30) == 130
    assert ports
    assert not ports & {5432, 6379, 8080, 80}


def _belongs(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(MARK) == mark
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
