"""However the run of a plain experiment ends, its rollbacks are played, and nothing of it is left."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from gameday.record.history import Event
from system.chaostoolkit.making import (
    CLOSE,
    OPEN,
    SHOUT,
    SIGN,
    action,
    add,
    begin,
    experiment,
    finish,
    python,
    report,
    worker,
)
from system.chaostoolkit.server import serving
from system.running import Running, kill, start, wait_until

pytestmark = pytest.mark.system


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


@pytest.mark.parametrize("provider", ["http", "process"])
def test_a_rollback_that_is_refused_is_left_until_recovery_plays_it(tmp_path: Path, provider: str) -> None:
    """Chaos Toolkit calls it succeeded whatever the server answered and whatever the process left with."""
    refused: dict[str, object] = {"type": "http", "url": "${url}/mend", "method": "POST", "timeout": 3}
    left: dict[str, object] = {"type": "process", "path": "sh", "arguments": ["-c", "test -e mended"], "timeout": 5}
    mends = action("mends", refused if provider == "http" else left)
    path = experiment(tmp_path, [], rollbacks=[mends, action("opens again", OPEN)])
    with serving() as shop:
        shop.refuses = provider == "http"
        running = start(tmp_path, "run", str(path), "--out", "runs", environment={"SHOP_URL": shop.url}, cwd=tmp_path)
        assert running.code() == 4, running.printed()
        environment = {"SHOP_URL": shop.url}
        for number, code in enumerate((4, 0, 0)):
            again = start(
                tmp_path / str(number),
                "recover",
                "--out",
                "../runs",
                environment=environment,
                cwd=tmp_path / str(number),
            )
            assert again.code() == code, again.printed()
            said = ("rollback mends", "rollbacks: played", "nothing is outstanding")[number]
            assert said in again.printed()
            shop.refuses = False
            (tmp_path / "1").mkdir(exist_ok=True)
            (tmp_path / "1" / "mended").touch()


def test_an_action_that_is_answered_with_an_error_was_not_done(tmp_path: Path) -> None:
    """A probe that is answered so has seen something."""
    asks: dict[str, object] = {"type": "http", "url": "${url}/mend", "method": "POST", "timeout": 3}
    path = experiment(tmp_path, [{"type": "probe", "name": "looks", "provider": asks}, action("mends", asks)])
    with serving() as shop:
        shop.refuses = True
        running = finish(tmp_path, path, shop)
    gates = {gate["id"]: gate for gate in report(running)["gates"]}
    assert running.code() == 3
    assert (gates["gate.activities"]["status"], gates["gate.activities"]["evidence"]) == ("fail", [])
    assert "mends was answered with status 422" in gates["gate.activities"]["reason"]


def test_a_value_that_its_probe_cannot_find_out_ends_the_run_before_it_begins(tmp_path: Path) -> None:
    """Chaos Toolkit goes on, and sends the placeholder itself."""
    url = {"type": "env", "key": "SHOP_URL"}
    found = {"type": "probe", "name": "finds", "provider": python("fail", what="nobody knows")}
    path = experiment(tmp_path, [], configuration={"url": url, "found": found})
    with serving() as shop:
        running = finish(tmp_path, path, shop)
        assert shop.asked == []
    assert running.code() == 2, running.printed()
    assert "could not find out found" in running.printed()
    assert "nobody knows" in running.printed()


def test_what_an_experiment_prints_does_not_disturb_the_run(tmp_path: Path) -> None:
    """Lines that look like records, too."""
    path = experiment(tmp_path, [action("prints", python("shout"))])
    add(path, SHOUT)
    with serving() as shop:
        running = finish(tmp_path, path, shop)
    assert running.code() == 3
    assert '{"t_s": 1, "event": "error"}' in running.printed()
    assert report(running)["decided_by"] is None
