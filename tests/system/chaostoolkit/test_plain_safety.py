"""However the run of a plain experiment ends, its rollbacks are played, and nothing of it is left."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from gameday.record.history import Event
from system.chaostoolkit.server import Shop, serving
from system.running import Running, kill, run, start, wait_until

pytestmark = pytest.mark.system
HERE = Path(__file__).parent / "experiments"
OPEN = {"type": "http", "url": "${url}/open", "method": "POST", "timeout": 3}
CLOSE = {"type": "http", "url": "${url}/close", "method": "POST", "timeout": 3}


SIGN = """
def sign(url):
    import urllib.error

    try:
        urllib.request.urlopen(url + "/health", timeout=5)
    except urllib.error.HTTPError:
        return 7  # no pattern can be tried on a number
    return "open"
"""
SHOUT = """
def shout():
    print('{"t_s": 1, "event": "error"}', flush=True)
    print("{", flush=True)
"""


def add(path: Path, function: str) -> None:
    """Add a function to the module beside an experiment."""
    module = path.parent / "shopkeeper.py"
    module.write_text(f"{module.read_text(encoding='utf-8')}\n{function}", encoding="utf-8")


def python(function: str, **arguments: object) -> dict[str, object]:
    """Return a provider that calls a function of ``shopkeeper``."""
    return {"type": "python", "module": "shopkeeper", "func": function, "arguments": arguments}


def action(name: str, provider: dict[str, object], **more: object) -> dict[str, object]:
    """Return an action."""
    return {"type": "action", "name": name, "provider": provider, **more}


def experiment(folder: Path, further: list[dict[str, object]], **more: object) -> Path:
    """Write an experiment that closes the shop and, as its rollback, opens it again; the provider's module stands beside it."""
    value = {
        "title": "Does it end well?",
        "description": "Made up by a test.",
        "configuration": {"url": {"type": "env", "key": "SHOP_URL"}},
        "method": [action("closes", CLOSE), *further],
        "rollbacks": [action("opens again", OPEN)],
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shopkeeper.py").write_text((HERE / "shopkeeper.py").read_text(encoding="utf-8"), encoding="utf-8")
    path = folder / "made-up.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def begin(tmp_path: Path, path: Path, shop: Shop) -> Running:
    """Start a run."""
    out = tmp_path / "runs"
    return start(out, "run", str(path), "--out", str(out), environment={"SHOP_URL": shop.url})


def finish(tmp_path: Path, path: Path, shop: Shop) -> Running:
    """Run to the end."""
    return run(tmp_path / "runs", str(path), environment={"SHOP_URL": shop.url})


def report(running: Running) -> dict[str, Any]:
    """Return the report for machines."""
    return dict(json.loads((running.folder / "report.json").read_text(encoding="utf-8")))


def worker(running: Running) -> int:
    """Wait until the shop is closed, and return the worker's process id."""
    running.wait_for(Event.ACTIVITY_STARTED)
    started = running.wait_for(Event.PROCESS_STARTED)
    return int(str(started.data["pid"]))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("background", [False, True], ids=["foreground", "background"])
def test_a_signal_ends_it_through_its_rollbacks(tmp_path: Path, number: signal.Signals, *, background: bool) -> None:
    """Chaos Toolkit's default would skip them, and would wait for an activity in the background."""
    path = experiment(tmp_path, [action("naps", python("nap", seconds=60), background=background)])
    with serving() as shop:
        running = begin(tmp_path, path, shop)
        wait_for_nap(running)
        running.process.send_signal(number)
        assert running.code(within_s=30) == 130, running.printed()
        assert shop.open
    assert report(running)["verdict"] == "inconclusive"
    assert running.left() == []


def wait_for_nap(running: Running) -> None:
    """Wait until the method's last activity has begun."""

    def napping() -> bool:
        return any(r.event == Event.ACTIVITY_STARTED and r.data["name"] == "naps" for r in running.history())

    wait_until(napping, within_s=20, what="the nap")


@pytest.mark.parametrize("background", [False, True], ids=["foreground", "background"])
@pytest.mark.parametrize("end", ["a signal", "a timeout", "the worker's death"])
def test_what_a_cut_off_process_has_started_ends_before_the_rollbacks(
    tmp_path: Path, end: str, *, background: bool
) -> None:
    """Chaos Toolkit ends the process alone, or waits for it: its children would go on, and have the last word."""
    script = "(sleep 60; curl -s -d '' $SHOP_URL/close) & wait"
    timeout = {"timeout": 5} if end == "a timeout" else {}
    provider: dict[str, object] = {"type": "process", "path": "sh", "arguments": ["-c", script]}
    path = experiment(tmp_path, [action("naps", provider, background=background, **timeout)])
    with serving() as shop:
        running = begin(tmp_path, path, shop)
        wait_until(lambda: any("sleep 60" in line for line in running.left()), within_s=30, what="the nap")
        if end == "a signal":
            running.process.send_signal(signal.SIGTERM)
        elif end == "the worker's death":
            kill(worker(running))
        assert running.code(within_s=30) == (130 if end == "a signal" else 3), running.printed()
        assert shop.open
    assert running.left() == []


def test_what_a_rollback_leaves_running_stays(tmp_path: Path) -> None:
    """It may have started again what the method had stopped; it is ended with the test."""
    starts: dict[str, object] = {
        "type": "process",
        "path": "sh",
        "arguments": ["-c", "sleep 30 >/dev/null 2>&1 &"],
        "timeout": 5,
    }
    path = experiment(tmp_path, [], rollbacks=[action("starts again", starts), action("opens again", OPEN)])
    with serving() as shop:
        running = finish(tmp_path, path, shop)
    assert running.code() == 3, running.printed()
    left = running.left()
    for line in left:
        kill(int(line.split()[0]))
    assert [line.split(" ", 1)[1] for line in left] == ["sleep 30"]


def test_an_action_that_still_waits_in_the_background_does_not_begin_behind_the_rollbacks(tmp_path: Path) -> None:
    """Its pause is over while they are being played."""
    late = action("closes late", CLOSE, background=True, pauses={"before": 6})
    rollbacks = [action("opens again", OPEN), action("takes its time", python("nap", seconds=6))]
    path = experiment(tmp_path, [late, action("naps", python("nap", seconds=60))], rollbacks=rollbacks)
    with serving() as shop:
        running = begin(tmp_path, path, shop)
        wait_for_nap(running)
        running.process.send_signal(signal.SIGTERM)
        assert running.code(within_s=30) == 130, running.printed()
        assert shop.open


def test_rollbacks_in_the_background_are_counted_beside_a_continuous_hypothesis(tmp_path: Path) -> None:
    """A thread gets the number of one that has ended; the hypothesis has one, and each of these rollbacks."""
    stock = {"type": "http", "url": "${url}/stock", "timeout": 3}
    path = experiment(
        tmp_path,
        [],
        rollbacks=[action("opens again", OPEN, background=True)],
        runtime={"hypothesis": {"strategy": "continuously"}},
        **{
            "steady-state-hypothesis": {
                "title": "There is stock",
                "probes": [{"type": "probe", "name": "stock", "tolerance": 200, "provider": stock}],
            }
        },
    )
    with serving() as shop:
        running = finish(tmp_path, path, shop)
        assert [request for request in shop.asked if request == "POST /open"] == ["POST /open"], "played once"
    assert running.code() == 3, running.printed()
    assert report(running)["decided_by"] == "gate.fault-proven"


def test_a_killed_workers_rollbacks_are_played_by_another(tmp_path: Path) -> None:
    """Chaos Toolkit alone leaves nothing behind but the fault."""
    path = experiment(tmp_path, [action("naps", python("nap", seconds=60))])
    with serving() as shop:
        running = begin(tmp_path, path, shop)
        wait_for_nap(running)
        kill(worker(running))
        assert running.code(within_s=30) == 3, running.printed()
        assert shop.open
    assert report(running)["decided_by"] == "gate.complete"
    assert running.left() == []


def test_when_everything_is_killed_at_once_recovery_plays_the_rollbacks(tmp_path: Path) -> None:
    """Unlike gameday's own faults, what a plain experiment did does not heal when its processes are gone."""
    goes_on: dict[str, object] = {"type": "process", "path": "sh", "arguments": ["-c", "sleep 60 & wait"]}
    path = experiment(tmp_path, [action("naps", goes_on)])
    with serving() as shop:
        running = begin(tmp_path, path, shop)
        wait_until(lambda: any("sleep 60" in line for line in running.left()), within_s=30, what="the nap")
        pid = worker(running)
        running.process.send_signal(signal.SIGSTOP)  # so that it cannot see its worker die first
        kill(pid)
        kill(running.process.pid)
        running.code(within_s=10)
        assert not shop.open
        environment = {"SHOP_URL": shop.url}
        recovered = start(tmp_path / "recovered", "recover", "--out", str(running.out), environment=environment)
        assert recovered.code(within_s=30) == 0, recovered.printed()
        assert shop.open
        assert running.left() == []
        again = start(tmp_path / "again", "recover", "--out", str(running.out), environment=environment)
        assert again.code(within_s=30) == 0
        assert "nothing is outstanding" in again.printed()


@pytest.mark.parametrize("background", [False, True], ids=["foreground", "background"])
def test_an_activity_over_its_timeout_ends_the_run(tmp_path: Path, *, background: bool) -> None:
    """Chaos Toolkit checks that a timeout is a number, and never applies it."""
    path = experiment(tmp_path, [action("naps", python("nap", seconds=60), timeout=0.5, background=background)])
    with serving() as shop:
        running = finish(tmp_path, path, shop)
        assert shop.open
    assert running.code(within_s=30) == 3
    assert "it did not end: naps, after 0.5 s" in report(running)["reason"]


def test_a_rollback_that_hangs_does_not_keep_the_next_from_being_played(tmp_path: Path) -> None:
    """It is cut at its timeout, and told as residue."""
    hangs = action("hangs", python("nap", seconds=60), timeout=0.5)
    path = experiment(tmp_path, [], rollbacks=[hangs, action("opens again", OPEN)])
    with serving() as shop:
        running = finish(tmp_path, path, shop)
        assert shop.open
    assert running.code() == 4, running.printed()


def test_a_tolerance_that_raises_does_not_cost_the_rollbacks(tmp_path: Path) -> None:
    """In Chaos Toolkit the exception leaves its run: no rollback whatever the strategy, and no journal."""
    odd = {
        "type": "probe",
        "name": "odd",
        "tolerance": {"type": "regex", "pattern": "."},
        "provider": python("sign", url="${url}"),
    }
    path = experiment(tmp_path, [], **{"steady-state-hypothesis": {"title": "There is a sign", "probes": [odd]}})
    add(path, SIGN)
    with serving() as shop:
        running = finish(tmp_path, path, shop)
        assert shop.open
    assert running.code() == 3, running.printed()
    assert report(running)["verdict"] == "invalid"
    assert (running.folder / "journal.json").exists()


def test_ending_ungracefully_does_not_cost_the_rollbacks(tmp_path: Path) -> None:
    """It is Chaos Toolkit's way to say that they are not wanted; here they always are."""
    path = experiment(tmp_path, [action("leaves", python("leave_at_once"))])
    with serving() as shop:
        running = finish(tmp_path, path, shop)
        assert shop.open
    assert running.code() == 3, running.printed()


def test_a_rollback_that_fails_is_residue(tmp_path: Path) -> None:
    """Exit 4: something may be left."""
    path = experiment(tmp_path, [], rollbacks=[action("fails", python("fail", what="no")), action("opens again", OPEN)])
    with serving() as shop:
        running = finish(tmp_path, path, shop)
        assert shop.open
    assert running.code() == 4


def test_an_action_whose_proof_holds_can_pass(tmp_path: Path) -> None:
    """The proof is asked right after the action, with a tolerance; without the effect it is inconclusive."""
    stock = {
        "type": "probe",
        "name": "stock",
        "tolerance": 200,
        "provider": {"type": "http", "url": "${url}/stock", "timeout": 3},
    }
    hypothesis = {"title": "There is stock", "probes": [stock]}
    for status, code in ((503, 0), ("${closed}", 0), (200, 3)):
        closed = {"tolerance": status, "provider": {"type": "http", "url": "${url}/health", "timeout": 3}}
        method = [action("closes", CLOSE, proof=closed), {"ref": "closes"}]
        folder = tmp_path / str(status).strip("${}")
        configuration = {"url": {"type": "env", "key": "SHOP_URL"}, "closed": 503}
        more = {"method": method, "steady-state-hypothesis": hypothesis, "configuration": configuration}
        path = experiment(folder, [], **more)
        with serving() as shop:
            running = finish(folder, path, shop)
            assert shop.open
        assert running.code() == code, running.printed()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"rollback": []}, 'did you mean "rollbacks"?'),
        ({"configuration": {"url": {"type": "env", "key": "NO_SUCH_VARIABLE"}}}, "NO_SUCH_VARIABLE"),
        ({"rollbacks": [{"type": "action", "name": "odd"}]}, "an activity requires a provider"),
        ({"runtime": {"hypothesis": {"strategy": "sometimes"}}}, "sometimes"),
        ({"method": [action("closes", CLOSE, proof={"provider": OPEN})]}, "the proof of closes must have a tolerance"),
    ],
    ids=[
        "a key that is nearly one",
        "a variable that is not set",
        "an activity without a provider",
        "a strategy",
        "a proof without a tolerance",
    ],
)
def test_what_chaos_toolkit_would_not_run_is_told_and_nothing_is_started(
    tmp_path: Path, more: dict[str, object], told: str
) -> None:
    """Exit 2, and the shop is not closed."""
    if "rollback" in more:
        path = experiment(tmp_path, [])
        value = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**{k: v for k, v in value.items() if k != "rollbacks"}, **more}), encoding="utf-8")
    else:
        path = experiment(tmp_path, [], **more)
    with serving() as shop:
        running = finish(tmp_path, path, shop)
        assert shop.asked == []
    assert running.code() == 2, running.printed()
    assert told in running.printed()


def test_a_control_that_cannot_be_imported_is_told(tmp_path: Path) -> None:
    """Chaos Toolkit logs it and goes on without it, though it may be what keeps the experiment safe."""
    control = {"name": "watching", "provider": {"type": "python", "module": "nobody_wrote_this"}}
    path = experiment(tmp_path, [], controls=[control])
    with serving() as shop:
        running = finish(tmp_path, path, shop)
        assert shop.open
    assert running.code() == 3
    told = (
        "the control watching does nothing, because its module cannot be imported: No module named 'nobody_wrote_this'"
    )
    assert told in running.printed()
    assert any(told in happening["text"] for happening in report(running)["timeline"])


def test_what_an_experiment_prints_does_not_disturb_the_run(tmp_path: Path) -> None:
    """Lines that look like records, too."""
    path = experiment(tmp_path, [action("prints", python("shout"))])
    add(path, SHOUT)
    with serving() as shop:
        running = finish(tmp_path, path, shop)
    assert running.code() == 3
    assert '{"t_s": 1, "event": "error"}' in running.printed()
    assert report(running)["decided_by"] is None
