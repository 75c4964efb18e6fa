"""A locustfile whose users raised, or did nothing, cannot be part of a pass."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import JsonValue

from gameday.analysis.judge import judge
from gameday.analysis.model import Gate, Status, Verdict
from gameday.load.wire import LoadDone, Raised, UserClass
from gameday.record.folder import RunData
from gameday.record.history import Event
from gameday.report.as_json import to_json
from gameday.report.ending import ending, next_step
from gameday.report.html import html
from gameday.report.junit import junit
from gameday.report.markdown import markdown
from simulator.closed import Users, closed
from simulator.world import Asked
from unit.report.analyses import passed

ASKED = Asked(
    rates_per_s={"login": 60, "pulse": 60},
    fault="none",
    expect={"recovery": {"within": "10s"}},
    probes=({"route": "login", "good": "> 90%"},),
)
DONE = LoadDone(
    (), 0.1, 30.0, stopped=False, late_s=0.001, user_classes=(UserClass("Buyer", 2, 90), UserClass("Browser", 5, 400))
)
TRACE = 'Traceback (most recent call last):\n  File "/x/shop.py", line 17, in on_start\n    token["tokn"]\nKeyError: \'tokn\''
KEY_ERROR = Raised("Buyer", "Buyer.on_start", 2, "KeyError: 'tokn' (shop.py:17)", TRACE)


@functools.cache
def sound() -> RunData:
    """Return a run with a locustfile's users in which all went well."""
    return Users(closed(ASKED, 1)).run()


def with_done(run: RunData, data: dict[str, JsonValue]) -> RunData:
    """Return it with what the load said at its end."""
    history = tuple(replace(record, data=data) if record.event == Event.LOAD_DONE else record for record in run.history)
    return replace(run, history=history)


def judged(done: LoadDone) -> tuple[Verdict, Gate]:
    """Judge the sound run with this end."""
    analysis = judge(with_done(sound(), done.data()))
    return analysis.verdict, next(gate for gate in analysis.gates if gate.id == "gate.users")


def test_users_that_all_asked_pass() -> None:
    """Nothing raised, every class sent requests."""
    verdict, gate = judged(DONE)
    assert (verdict, gate.status, gate.n) == (Verdict.PASS, Status.PASS, 490)


@pytest.mark.parametrize(
    ("done", "reason"),
    [
        (
            replace(DONE, raised=(KEY_ERROR,)),
            "2 exceptions in Buyer: Buyer.on_start, the first KeyError: 'tokn' (shop.py:17)",
        ),
        (
            replace(DONE, raised=(replace(KEY_ERROR, user="", task="request listener book", count=1),)),
            "1 exception in request listener book, the first KeyError: 'tokn' (shop.py:17)",
        ),
        (replace(DONE, user_classes=(UserClass("Buyer", 2, 0),)), "user class Buyer sent no request (2 users)"),
        (replace(DONE, user_classes=(UserClass("Buyer", 0, 0),)), "user class Buyer sent no request (0 users)"),
        (replace(DONE, exit_code=3), "the locustfile set the exit code 3"),
    ],
)
def test_what_its_users_failed_to_do_takes_a_pass_away(done: LoadDone, reason: str) -> None:
    """The reason names the class, the task and the first exception."""
    verdict, gate = judged(done)
    assert verdict is Verdict.INCONCLUSIVE
    assert (gate.status, gate.forbids, gate.reason) == (Status.FAIL, "pass", reason)
    assert all(each.traceback in gate.evidence for each in done.raised)


def test_an_exit_code_0_of_the_file_overrides_exceptions_and_no_silent_class() -> None:
    """As under ``locust``, whose exit code says nothing of classes."""
    verdict, gate = judged(replace(DONE, raised=(KEY_ERROR,), exit_code=0))
    assert (verdict, gate.status) == (Verdict.PASS, Status.PASS)
    assert gate.reason.startswith("the locustfile set the exit code 0")
    assert KEY_ERROR.traceback in gate.evidence
    silent = replace(DONE, exit_code=0, user_classes=(UserClass("Buyer", 2, 0),))
    analysis = judge(with_done(sound(), silent.data()))
    assert analysis.verdict is Verdict.INCONCLUSIVE
    assert next_step(analysis, sound().plan).startswith("repair the locustfile")


def test_a_route_that_the_experiment_names_and_nobody_asks_takes_a_pass_away() -> None:
    """Here by ``names``, so that no check of its own could notice."""
    run = with_done(sound(), DONE.data())
    load = run.plan.experiment.load.model_copy(update={"names": {"pulse": ("beat",)}})
    plan = replace(run.plan, experiment=run.plan.experiment.model_copy(update={"load": load}))
    assert judge(replace(run, plan=plan)).verdict is Verdict.PASS
    without = replace(run, plan=plan, rows=run.rows[run.rows["route"] != 1])
    analysis = judge(without)
    gate = next(gate for gate in analysis.gates if gate.id == "gate.users")
    assert gate.reason == "route pulse is named in the experiment and got no request"
    assert analysis.verdict is Verdict.INCONCLUSIVE
    assert np.count_nonzero(without.rows["route"] == 0)


def test_a_run_of_before_is_judged_without_it() -> None:
    """What was not recorded is shown as that."""
    analysis = judge(sound())
    gate = next(gate for gate in analysis.gates if gate.id == "gate.users")
    assert (analysis.verdict, gate.status) == (Verdict.PASS, Status.SHOWN)


def test_every_report_shows_the_first_traceback() -> None:
    """On the screen, as HTML, Markdown, JSON and JUnit."""
    _, gate = judged(replace(DONE, raised=(KEY_ERROR,)))
    case = passed()
    analysis = replace(case.analysis, verdict=Verdict.INCONCLUSIVE, reason=gate.reason, gates=(gate,))
    texts = (
        "\n".join(line.text for line in ending(analysis, case.plan, Path("run"), "", link="", width=80)),
        html(analysis, case.plan, case.about),
        markdown(analysis, case.plan, case.about),
        to_json(analysis, case.plan, case.about),
        junit(analysis, case.plan, case.about),
    )
    for text in texts:
        assert "line 17, in on_start" in text
        assert "2 exceptions in Buyer" in text
