"""How a load begins, ends and dies."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from gameday.load.session import LoadLostError, LoadSession, LoadTick
from gameday.load.wire import EXIT_ORPHANED
from gameday.record.requests import ROW, Outcome, read_rows
from system.load.loads import LIMIT_S, run, session, started, wait_until
from system.load.plans import load_plan
from system.load.servers import Reply, Request, Server, answer, silent
from system.processes import is_there

pytestmark = pytest.mark.system

ONE = {"one": {"request": "GET /one"}}
TESTS = Path(__file__).parents[2]


def test_arrivals_beyond_the_cap_are_dropped_and_a_stop_censors_what_is_open(tmp_path: Path) -> None:
    """Five requests may be open: the others are rows at once, and the five are rows as soon as the load is stopped."""
    plan = load_plan(ONE, rate="100/s", arrivals="constant", hang="600s")
    with Server(silent) as server, started(session(plan, tmp_path, server.url, max_in_flight=5)) as load:
        wait_until(lambda: (tick := load.poll()) and tick.routes[0].offered == 100, "all arrivals were due")
        done = load.stop()
        assert done
        assert done.stopped
        assert done.rows == {"one": 100}
        assert load.finished == done
        assert not load.running
        assert len(server.requests) == 5
    rows = read_rows(tmp_path)
    censored = rows[rows["outcome"] == Outcome.CENSORED]
    dropped = rows[rows["outcome"] == Outcome.DROPPED]
    assert (len(censored), len(dropped)) == (5, 95)
    assert (censored["attempts"] == 1).all()
    assert (dropped["attempts"] == 0).all()
    assert (dropped["service_s"] == 0).all()
    assert (censored["service_s"] > 0.1).all()


def test_no_arrival_is_dropped_when_the_server_never_answers(tmp_path: Path) -> None:
    """All 2500 are open at once, each until it counts as hung: what can be open follows from the rate and ``hang``."""
    plan = load_plan(ONE, rate="250/s", duration_s=10.0, hang="12s")
    with keeping() as url:
        left = run(plan, tmp_path, url)
    assert len(left.rows) == len(plan.arrivals("one").times_s)
    assert set(left.outcomes()) <= {Outcome.TIMEOUT, Outcome.CENSORED}
    assert (left.rows["attempts"] == 1).all()


@contextmanager
def keeping() -> Iterator[str]:
    """Accept every connection, and never read or answer; yields the base URL, and closes all in the end."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener, ExitStack() as kept:

        def keep() -> None:
            with suppress(OSError):
                while True:
                    kept.enter_context(listener.accept()[0])

        thread = threading.Thread(target=keep)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # a close would not end the wait for the next one
            thread.join(10)


def test_a_stop_before_the_end_leaves_a_row_for_every_arrival_that_was_due(tmp_path: Path) -> None:
    """What was not due yet has no row; what was due has one, without gaps."""
    plan = load_plan(ONE, rate="100/s", duration_s=600.0)
    with Server(lambda _: answer()) as server, started(session(plan, tmp_path, server.url)) as load:
        wait_until(lambda: (tick := load.poll()) and tick.routes[0].good > 20, "some requests ended")
        done = load.stop()
    assert done
    rows = read_rows(tmp_path)
    due = np.array(plan.arrivals("one").times_s) < done.ended_s
    assert sorted(rows["seq"]) == list(range(due.sum()))
    assert done.rows == {"one": len(rows)}


def test_a_load_that_has_not_begun_can_be_stopped(tmp_path: Path) -> None:
    """Nothing was offered, so nothing is written, and no process is left."""
    plan = load_plan(ONE)
    with Server(lambda _: answer()) as server, session(plan, tmp_path, server.url) as load:
        load.start(timeout_s=LIMIT_S)
        pid = load.pid
        done = load.stop()
        assert done
        assert done.rows == {}
        assert not server.requests
    assert not psutil.pid_exists(pid)
    assert not list(tmp_path.iterdir())


def test_ticks_show_the_load_while_it_runs(tmp_path: Path) -> None:
    """Counts grow and add up, and what a tick counts as ended is on the disk already."""
    plan = load_plan(ONE, rate="100/s", duration_s=600.0)
    ticks: list[LoadTick] = []
    with Server(lambda _: answer(503)) as server, started(session(plan, tmp_path, server.url)) as load:

        def three() -> bool:
            tick = load.poll()
            if tick:
                ticks.append(tick)
                assert tick.routes[0].rejected <= len(read_rows(tmp_path))
            return len(ticks) == 3

        wait_until(three, "three ticks came")
        done = load.stop()
    assert done
    assert done.cpu_share > 0
    times_s = [tick.t_s for tick in ticks]
    offered = [tick.routes[0].offered for tick in ticks]
    assert times_s == sorted(times_s)
    assert offered == sorted(offered)
    assert offered[-1] > 0
    for tick in ticks:
        route = tick.routes[0]
        assert route.good == route.degraded == route.bad == route.hung == 0
        assert route.rejected + tick.in_flight == route.offered
    assert ticks[-1].routes[0].p95_s


def test_the_load_dies_with_its_runner(tmp_path: Path) -> None:
    """When the runner is killed nothing loads the system any more, and the rows are whole."""
    with Server(lambda _: answer()) as server:
        runner = subprocess.Popen(
            [sys.executable, "-m", "system.load.parent", str(tmp_path), server.url],
            stdout=subprocess.PIPE,
            text=True,
            cwd=TESTS,
        )
        with runner:
            assert runner.stdout
            load = psutil.Process(int(runner.stdout.readline()))
            wait_until(lambda: len(read_rows(tmp_path)) > 10, "some rows were written")
            runner.kill()
        wait_until(lambda: not is_there(load), "the load died")
    rows = read_rows(tmp_path)
    assert (rows["outcome"] <= Outcome.LATE).all()


def test_a_killed_load_is_lost_and_its_rows_stay_readable(tmp_path: Path) -> None:
    """The session says that it died, again at every poll; rows written before, and a torn one behind them, do no harm."""
    plan = load_plan(ONE, rate="100/s", duration_s=600.0)
    with Server(lambda _: answer()) as server, started(session(plan, tmp_path, server.url)) as load:
        wait_until(lambda: load.poll() is None and len(read_rows(tmp_path)) > 20, "some rows were written")
        os.kill(load.pid, signal.SIGKILL)
        with pytest.raises(LoadLostError, match="died with exit code -9"):
            wait_until(lambda: load.poll() and False, "the session notices")
        with pytest.raises(LoadLostError, match="died"):
            load.poll()
        assert not load.running
        assert load.finished is None
        assert load.stop() is None
    rows = read_rows(tmp_path)
    drawn = plan.arrivals("one").times_s
    assert (rows["outcome"] <= Outcome.LATE).all()
    assert rows["scheduled_s"].tolist() == [drawn[seq] for seq in rows["seq"]]
    path = tmp_path / "requests.0.bin"
    path.write_bytes(path.read_bytes() + b"\1" * (ROW.itemsize - 1))
    assert len(read_rows(tmp_path)) == len(rows)


def test_a_load_that_falls_silent_is_lost_and_killed(tmp_path: Path) -> None:
    """A stopped process sends nothing on time, so it is as good as dead."""
    plan = load_plan(ONE, duration_s=600.0)
    with Server(lambda _: answer()) as server, started(session(plan, tmp_path, server.url)) as load:
        wait_until(load.poll, "the first tick")
        os.kill(load.pid, signal.SIGSTOP)
        with pytest.raises(LoadLostError, match="sent nothing for 3 s"):
            wait_until(lambda: load.poll() and False, "the session notices")
        assert not psutil.pid_exists(load.pid)


def test_the_load_ends_when_its_session_lets_go_of_it(tmp_path: Path) -> None:
    """The end of the commands is the end of the load, even while the process that started it lives; what was open is a row."""
    plan = load_plan(ONE, rate="20/s", arrivals="constant", duration_s=2.0, hang="600s")
    with Server(silent) as server, started(session(plan, tmp_path, server.url)) as load:
        wait_until(lambda: (tick := load.poll()) and tick.in_flight == 40, "all are open")
        assert load._child
        assert load._child._process.stdin
        load._child._process.stdin.close()
        wait_until(lambda: load._child and load._child.code is not None, "the process ends")
        assert load._child.code == EXIT_ORPHANED
    assert (read_rows(tmp_path)["outcome"] == Outcome.CENSORED).sum() == 40


def test_ctrl_c_on_the_terminal_leaves_the_load_to_its_session(tmp_path: Path) -> None:
    """The interrupt is ignored; a SIGTERM ends it orderly, with its rows."""
    plan = load_plan(ONE, rate="100/s", duration_s=600.0)
    with Server(lambda _: answer()) as server, started(session(plan, tmp_path, server.url)) as load:
        wait_until(load.poll, "the first tick")
        os.kill(load.pid, signal.SIGINT)
        wait_until(load.poll, "a tick after the interrupt")
        os.kill(load.pid, signal.SIGTERM)
        wait_until(lambda: load.finished, "the load ends")
        assert load.finished
        assert load.finished.stopped
        assert load.finished.rows == {"one": len(read_rows(tmp_path))}


def test_secrets_reach_the_server_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file of the run, no argument and no environment of the process holds them."""
    monkeypatch.setenv("SHOP_TOKEN", "s3cr3t-token-value")
    plan = load_plan(
        {
            "one": {
                "request": "POST /one",
                "headers": {"Authorization": "Bearer ${token}"},
                "body": {"deep": [{"password": 'a "${password}"'}]},
            }
        },
        rate="20/s",
    )
    secrets = {"token": "s3cr3t-token-value", "password": "s3cr3t-pass"}
    with Server(lambda _: answer()) as server:
        load = LoadSession(plan, folder=tmp_path, urls={"one": server.url}, secrets=secrets)
        assert "s3cr3t" not in repr(load._spec)
        with started(load):
            process = Path(f"/proc/{load.pid}")
            seen = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            wait_until(lambda: load.poll() is None and load.finished, "the load ends")
    assert b"PATH=" in seen
    assert b"s3cr3t" not in seen
    assert server.requests[0].headers["authorization"] == "Bearer s3cr3t-token-value"
    assert server.requests[0].body == b'{"deep": [{"password": "a \\"s3cr3t-pass\\""}]}'
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"s3cr3t" in path.read_bytes()]


def test_an_answer_has_come_when_the_kernel_has_it(tmp_path: Path) -> None:
    """What a generator that got no processor time reads late is no time that the server took."""
    plan, pids = load_plan(ONE, rate="2/s", arrivals="constant", duration_s=1.0), list[int]()

    def stop_the_generator(_: Request) -> Reply:
        os.kill(pids[0], signal.SIGSTOP)
        threading.Timer(0.4, os.kill, (pids[0], signal.SIGCONT)).start()
        return answer()

    with Server(stop_the_generator) as server, session(plan, tmp_path, server.url) as load:
        load.start(timeout_s=LIMIT_S)
        pids.append(load.pid)
        load.begin(time.monotonic() + 0.5)
        wait_until(lambda: load.poll() is None and load.finished, "the load ends")
    rows = read_rows(tmp_path)
    assert len(rows) == len(server.requests) == 2
    assert (rows["service_s"] < 0.2).all(), rows["service_s"]


def test_what_keeps_a_load_from_writing_ends_it_with_the_reason(tmp_path: Path) -> None:
    """Rows of an earlier load are never overwritten."""
    plan = load_plan(ONE)
    with Server(lambda _: answer()) as server:
        run(plan, tmp_path, server.url)
        before = (tmp_path / "requests.0.bin").read_bytes()
        with (
            started(session(plan, tmp_path, server.url)) as load,
            pytest.raises(LoadLostError, match=r"FileExistsError.*"),
        ):
            wait_until(lambda: load.poll() and False, "the session notices")
    assert (tmp_path / "requests.0.bin").read_bytes() == before


def test_a_host_that_does_not_exist_is_told_at_the_start(tmp_path: Path) -> None:
    """The error comes before any arrival, in one line."""
    load = session(load_plan(ONE), tmp_path, "http://no-such-host.invalid:80")
    with load, pytest.raises(LoadLostError, match="gave up"):
        load.start(timeout_s=LIMIT_S)


def test_a_limit_on_open_files_that_is_too_low_is_told_at_the_start(tmp_path: Path) -> None:
    """Otherwise the generator would drop arrivals that the system could have answered."""
    script = (
        "import resource, sys; from pathlib import Path; from system.load.loads import session; from system.load.plans import load_plan;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256));"
        "session(load_plan({'one': {'request': 'GET /one'}}), Path(sys.argv[1]), 'http://127.0.0.1:9').start()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert ended.returncode == 1
    assert "500 requests in flight need 564 open files, and only 256 are allowed" in ended.stderr


def test_a_name_that_leads_to_several_places_is_tried_at_each() -> None:
    """``localhost`` may mean IPv6 first, where nobody listens; a request is sent to the first place that accepts."""
    script = (
        "import socket, sys; from gameday.load.child.connection import Address, Connection;"
        "places = tuple((socket.AF_INET, ('127.0.0.1', int(port))) for port in sys.argv[1:]);"
        "sys.exit(Connection(Address(places)).exchange('GET', b'GET / HTTP/1.1\\r\\n\\r\\n').status - 204)"
    )
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        refused = nobody.getsockname()[1]
    with Server(lambda _: answer(204, body=b"")) as server:
        port = server.url.rpartition(":")[2]
        subprocess.run([sys.executable, "-c", script, str(refused), port], timeout=LIMIT_S, check=True)
    assert len(server.requests) == 1


def test_a_start_is_bounded(tmp_path: Path) -> None:
    """A process that is not ready in time is killed."""
    load = session(load_plan(ONE), tmp_path, "http://127.0.0.1:9")
    with load, pytest.raises(LoadLostError, match=r"was not ready within 0.001 s"):
        load.start(timeout_s=0.001)


def test_a_session_is_used_in_its_order(tmp_path: Path) -> None:
    """Starting from another thread (whose end would kill the load), beginning too soon or twice are refused."""
    errors: list[Exception] = []
    load = session(load_plan(ONE), tmp_path, "http://127.0.0.1:9")

    def start() -> None:
        try:
            load.start()
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join(LIMIT_S)
    assert len(errors) == 1
    with load:
        with pytest.raises(RuntimeError):
            load.begin(time.monotonic() + 1)
        load.start(timeout_s=LIMIT_S)
        with pytest.raises(ValueError, match="ahead"):
            load.begin(time.monotonic())
        load.begin(time.monotonic() + 1)
        with pytest.raises(RuntimeError):
            load.begin(time.monotonic() + 1)
