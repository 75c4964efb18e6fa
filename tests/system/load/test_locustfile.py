"""A person's own locustfile runs as it is, and every request that it sends is a row."""

from __future__ import annotations

import itertools
import textwrap
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import JsonValue

from gameday.experiment.model import Load
from gameday.load.closed import LocustfileError, check_locustfile
from gameday.load.session import LoadLostError, LoadSession
from gameday.record.requests import Outcome
from system.load.closed import FILES, ROUTES, closed_plan, closed_session, run_closed
from system.load.loads import LIMIT_S, wait_until
from system.load.servers import Reply, Request, Server, answer, silent

pytestmark = pytest.mark.system

AT_ONCE: dict[str, JsonValue] = {"spawn-rate": "100/s"}


def shop(request: Request) -> Reply:
    """Answer as a shop that has no page ``/nothing``."""
    return answer(404) if request.target == "/nothing" else answer(x_origin_queries="1")


def test_users_of_two_classes_with_weights_names_and_checks_leave_one_row_for_each_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server got, what Locust counted and what the rows say are the same requests."""
    for turn in ("first", "second", "third"):
        (folder := tmp_path / turn).mkdir()
        monkeypatch.setenv("SHOPPERS_LOG", str(folder / "heard"))
        with Server(shop) as server:
            left = run_closed(closed_plan("shoppers.py", {"users": 8, **AT_ONCE}), folder, server.url)
        if Outcome.CENSORED not in left.rows["outcome"]:
            break  # else the end of the load cut one off, as it may on a busy machine
    asked = Counter("/product" if each.target.startswith("/product") else each.target for each in server.requests)
    looked, checked = left.outcomes("product"), left.outcomes("GET checked product")
    assert looked == {Outcome.OK: looked[Outcome.OK]}
    assert checked == {Outcome.ERROR: checked[Outcome.ERROR]}, "the file calls a 200 a failure"
    assert looked[Outcome.OK] + checked[Outcome.ERROR] == asked["/product"]
    assert left.outcomes("GET /nothing") == {Outcome.OK: asked["/nothing"]}, "the file calls a 404 fine"
    assert left.outcomes("checkout") == {Outcome.OK: asked["/checkout"]}
    assert left.outcomes("POST log in") == {Outcome.OK: 2}, "two of eight users are buyers, by their weights"
    assert left.outcomes("GET /goodbye") == {Outcome.OK: 2}, "on_stop is called"
    assert len(left.rows) == len(server.requests)
    for route in left.done.routes:
        assert route.locust_requests == route.rows
    assert (left.rows["lag_s"] == 0).all()
    assert left.done.late_s is not None
    assert 0 <= left.done.late_s < 2
    assert set(left.rows["origin"].tolist()) == {1, 255}


def test_its_own_listeners_hear_what_locust_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that add arguments, and those that wait for the very end."""
    heard = tmp_path / "heard"
    monkeypatch.setenv("SHOPPERS_LOG", str(heard))
    with Server(shop) as server:
        left = run_closed(closed_plan("shoppers.py", {"users": 4, **AT_ONCE}, duration_s=1.0), tmp_path, server.url)
    lines = heard.read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["init True 3", "test_start"]
    assert lines[-3:] == ["test_stop", "quitting", "quit 1"], "a request that failed makes Locust's exit code 1"
    requests = Counter(line.split(" ", 1)[0] for line in lines)["request"]
    assert requests == len(left.rows) == len(server.requests)
    assert "request GET checked product failed" in lines


@pytest.mark.parametrize(
    ("tags", "sent"),
    [
        ({"exclude-tags": ["suspicious", "buy"], "hosts": {}}, None),
        ({"tags": ["browse", "buy"], "exclude-tags": ["suspicious"]}, {"/product", "/nothing", "/checkout", "/login"}),
    ],
)
def test_tags_choose_tasks_as_on_the_command_line(
    tmp_path: Path, tags: dict[str, JsonValue], sent: set[str] | None
) -> None:
    """A class without a task left could not be made, and is told before anything begins."""
    plan = closed_plan("shoppers.py", {"users": 8, **AT_ONCE, **tags}, duration_s=1.0)
    if sent is None:
        with pytest.raises(LocustfileError, match="Buyer had no tasks left after filtering"):
            check_locustfile(plan.experiment.load, FILES / "shoppers.py")
        return
    with Server(shop) as server:
        left = run_closed(plan, tmp_path, server.url)
    asked = {"/product" if each.target.startswith("/product") else each.target for each in server.requests}
    assert asked == {*sent, "/goodbye"}
    assert "GET checked product" not in left.names.values()


def test_a_shape_decides_how_many_users_there_are(tmp_path: Path) -> None:
    """Four, then eight, then none; the users whom it takes away finish what they do."""
    with Server(shop) as server:
        left = run_closed(closed_plan("shaped.py", duration_s=7.0), tmp_path, server.url)
    assert left.outcomes("one") == {Outcome.OK: len(server.requests)}
    assert left.rows["scheduled_s"].max() < 6, "the shape ends after 3.5 s, and Locust looks at it once a second"
    per_second = np.bincount(left.rows["scheduled_s"].astype(int))
    assert per_second[2] > 1.3 * per_second[0]


@pytest.mark.parametrize("client", ["fast", "requests"])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("reply", [Reply(close=True), Reply(reset=True)], ids=["closed", "reset"])
def test_each_connection_closed_without_an_answer_is_one_row_and_one_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str, method: str, reply: Reply
) -> None:
    """Neither of Locust's clients hides one, or sends it again: a hundred closed connections are a hundred rows."""
    for name, value in (("CLIENT", client), ("METHOD", method), ("TIMES", "100")):
        monkeypatch.setenv(f"ASKING_{name}", value)
    with Server(lambda _: reply) as server:
        left = run_closed(closed_plan("asking.py", {"users": 5, **AT_ONCE}, duration_s=1.5), tmp_path, server.url)
    assert left.outcomes("one" if method == "GET" else "posted") == {Outcome.CONNECTION: 100}
    assert len(server.requests) == len(left.rows) == 100
    assert sum(route.locust_failures for route in left.done.routes) == 100


@pytest.mark.parametrize("client", ["fast", "requests"])
def test_a_kept_connection_that_is_closed_without_an_answer_is_one_row_and_one_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    """Every other one of two hundred: behind an answer the connection is kept, and clients like to ask again then."""
    for name, value in (("CLIENT", client), ("METHOD", "GET"), ("TIMES", "200")):
        monkeypatch.setenv(f"ASKING_{name}", value)
    number = itertools.count()
    with Server(lambda _: Reply(close=True) if next(number) % 2 else answer()) as server:
        left = run_closed(closed_plan("asking.py", {"users": 1, **AT_ONCE}, duration_s=2.5), tmp_path, server.url)
    assert left.outcomes("one") == {Outcome.OK: 100, Outcome.CONNECTION: 100}
    assert len(server.requests) == len(left.rows) == 200


def test_requests_that_locust_never_reports_are_rows_all_the_same(tmp_path: Path) -> None:
    """A block that is left, a call that is given up, one that hangs: each is one row; a protocol of its own has what it tells."""

    def odd(request: Request) -> Reply:
        return silent(request) if request.target == "/never" else answer()

    plan = closed_plan("odd.py", {"users": 7, **AT_ONCE}, duration_s=3.0, hang="1s")
    with Server(odd) as server:
        left = run_closed(plan, tmp_path, server.url)
    assert left.outcomes("GET /left") == {Outcome.OK: 1}
    assert left.outcomes("GET given up") == {Outcome.TIMEOUT: 1}
    assert left.outcomes("GET hung") == {Outcome.TIMEOUT: 2}, "at the hang threshold, whatever the client waits for"
    assert left.outcomes("GET cut off") == {Outcome.TIMEOUT: 1}, "it was waited for as long as for any other"
    assert left.outcomes("OWN basket") == {Outcome.OK: 2}, "events that it makes of a request, beside the request's own"
    assert left.outcomes("GET filled") == {Outcome.OK: 1}
    assert left.outcomes("OWN NoneType") == {Outcome.OK: 1}
    assert left.outcomes("OWN ValueError") == {Outcome.CONNECTION: 1}
    assert left.outcomes("OWN TimeoutError") == {Outcome.TIMEOUT: 1}
    assert left.outcomes("product") == {Outcome.OK: 30}
    assert left.outcomes("one") == {Outcome.OK: 1}
    assert len(left.rows) == len(server.requests) + 5


def test_what_is_open_when_the_load_is_stopped_becomes_censored_rows_at_once(tmp_path: Path) -> None:
    """As in an open load: a request that nobody waits for any more is not lost."""
    plan = closed_plan("shaped.py", duration_s=60.0, hang="30s")
    with Server(silent) as server, closed_session(plan, tmp_path, server.url) as load:
        begun(load)
        wait_until(lambda: load.poll() is None and len(server.requests) >= 4, "four users wait")
        done = load.stop()
    assert done
    assert done.stopped
    assert done.rows["one"] == len(server.requests)
    left = load.finished
    assert left
    assert left.ended_s < 50


def test_a_user_class_may_have_a_host_of_its_own(tmp_path: Path) -> None:
    """The others keep the usual one."""
    plan = closed_plan("shoppers.py", {"users": 8, "hosts": {"Buyer": "till"}, **AT_ONCE}, duration_s=1.0)
    checkout = plan.system.routes["checkout"].model_copy(update={"hard": ("till",)})
    plan = replace(plan, system=plan.system.model_copy(update={"routes": {**plan.system.routes, "checkout": checkout}}))
    with Server(shop) as web, Server(shop) as till:
        urls = {**dict.fromkeys(ROUTES, web.url), "checkout": till.url}
        load = LoadSession(plan, folder=tmp_path, urls=urls, secrets={}, locustfile=FILES / "shoppers.py")
        with load:
            begun(load)
            wait_until(lambda: load.poll() is None and load.finished, "the load ends")
    assert {request.target for request in till.requests} == {"/login", "/checkout", "/goodbye"}
    assert "/checkout" not in {request.target for request in web.requests}


def begun(load: LoadSession) -> None:
    """Start it and let it begin soon."""
    load.start(timeout_s=LIMIT_S)
    load.begin(time.monotonic() + 0.5)


SHOPPER = """
from locust import HttpUser, task
{before}

class Shopper(HttpUser):
    {inside}

    @task
    def look(self):
        self.client.get("/")
"""


def shopper(*, before: str = "", inside: str = "pass") -> str:
    """Write a small locustfile."""
    return textwrap.dedent(SHOPPER).strip().format(before=before, inside=inside)


ARGUMENT = """
from locust import events

@events.init_command_line_parser.add_listener
def add(parser):
    parser.add_argument("--token", required=True)
"""
WRONG: dict[str, tuple[str, dict[str, JsonValue], str]] = {
    "syntax": (
        shopper().replace("(self):", "(self)"),
        {},
        r"locustfile\.py\", line 8\n.*\n *\^\nSyntaxError: expected",
    ),
    "import": (
        shopper(before="import nobody_wrote_this"),
        {},
        r"locustfile\.py\", line 2, in <module>\n.*import nobody_wrote_this\nModuleNotFoundError: No module named",
    ),
    "exit": (shopper(before='raise SystemExit("no token")'), {}, r"line 2, in <module>\n(.*\n)*SystemExit: no token"),
    "no user": (shopper(inside="abstract = True"), {}, "No User class found!"),
    "no task": (shopper().replace("@task", ""), {}, "No tasks defined on Shopper. Use the @task decorator"),
    "tag": (shopper(), {"tags": ["buy"]}, "Shopper had no tasks left after filtering, instantiating it will fail!"),
    "weight": (shopper(inside='weight = "much"'), {}, "TypeError: '>' not supported between instances of 'str' and"),
    "zero weight": (shopper(inside="weight = 0"), {}, "There are no users with weight > 0"),
    "wait": (shopper(inside="wait_time = 5"), {}, "Shopper.wait_time is of type int, not a function"),
    "class": (shopper(), {"hosts": {"Shoper": "web"}}, r"Unknown User\(s\): Shoper \(there are Shopper\)"),
    "users": (shopper(), {"users": None}, "how many users"),
    "argument": (
        shopper(before=ARGUMENT),
        {},
        "locust: error: the following arguments are required: --token",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_locust_cannot_run_is_told_in_its_own_words_and_nothing_is_sent(tmp_path: Path, case: str) -> None:
    """With file and line where there is one, and without the frames of whoever imported it."""
    text, load, told = WRONG[case]
    path = tmp_path / "locustfile.py"
    path.write_text(text, encoding="utf-8")
    declared = Load.model_validate({"locustfile": "locustfile.py", "users": 3, **load})
    with pytest.raises(LocustfileError, match=told) as caught:
        check_locustfile(declared, path)
    assert "gameday" not in str(caught.value)


def test_a_good_file_is_fine_and_may_print(tmp_path: Path) -> None:
    """What it prints at its import disturbs nobody."""
    path = tmp_path / "locustfile.py"
    path.write_text(shopper(before='print("hello")'), encoding="utf-8")
    check_locustfile(Load.model_validate({"locustfile": "locustfile.py", "users": 3}), path)


def test_a_listener_of_init_that_raises_ends_the_load_before_it_begins(tmp_path: Path) -> None:
    """As Locust does; the traceback is told."""
    text = shopper(
        before="from locust import events\n\n@events.init.add_listener\ndef on_init(**_):\n    raise KeyError('token')\n"
    )
    (tmp_path / "locustfile.py").write_text(text, encoding="utf-8")
    plan = closed_plan("locustfile.py", {"users": 3})
    urls = dict.fromkeys(ROUTES, "http://127.0.0.1:9")
    load = LoadSession(plan, folder=tmp_path, urls=urls, secrets={}, locustfile=tmp_path / "locustfile.py")
    with load, pytest.raises(LoadLostError, match=r"a listener of the init event raised(.*\n)*.*KeyError: 'token'"):
        load.start(timeout_s=LIMIT_S)
    assert "KeyError: 'token'" in (tmp_path / "logs" / "locust.log").read_text(encoding="utf-8")
