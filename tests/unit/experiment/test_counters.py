"""A system file maps metrics to what they count; mistakes are told where they stand, and runs from before mappings stay readable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gameday.experiment.counters import Counters, in_seconds, of_dependency, of_route, selector, stands_for
from gameday.experiment.loading.problems import InvalidFileError
from gameday.experiment.loading.system import load_system
from gameday.experiment.plan import read_plan
from gameday.experiment.presets import PRESETS
from samples import planned, shop

SYSTEM = """\
name: tiny
targets:
  kind: {context: kind-gameday, namespace: tiny, url: "http://127.0.0.1:30080"}
services:
  web:
    metrics: /metrics
    counters:
%s
routes:
  home: {request: GET /, hard: [web]}
"""


def problem(tmp_path: Path, *lines: str) -> str:
    """Return the one mistake of a system file whose web has these lines of counters, from line 8 on."""
    (tmp_path / "tiny.yaml").write_text(SYSTEM % "\n".join(f"      {line}" for line in lines), encoding="utf-8")
    with pytest.raises(InvalidFileError) as raised:
        load_system("tiny", [tmp_path])
    [found] = raised.value.problems
    return f"{found.line} {found.key_path}: {found.message}; {found.seen}; {found.valid}; {found.hint}"


@pytest.mark.parametrize(
    ("text", "labels", "holds"),
    [
        ("calls_total", {"any": "thing"}, True),
        ('calls_total{outcome="ok"}', {"outcome": "ok", "other": "x"}, True),
        ('calls_total{outcome="ok"}', {"outcome": "okay"}, False),
        ('calls_total{outcome=~"error|timeout"}', {"outcome": "timeout"}, True),
        ('calls_total{outcome=~"error|timeout"}', {"outcome": "timeouts"}, False),
        ('calls_total{ outcome != "ok" , code!~"2.." }', {"outcome": "error", "code": "503"}, True),
        ('calls_total{outcome!="ok",code!~"2.."}', {"outcome": "error", "code": "200"}, False),
        ('calls_total{outcome!="ok",}', {}, True),
        ('calls_total{outcome=""}', {}, True),
        ('calls_total{uri="/a,b}\\"c"}', {"uri": '/a,b}"c'}, True),
        ("job:calls:sum{}", {}, True),
    ],
)
def test_a_selector_means_what_it_means_in_promql(text: str, labels: dict[str, str], holds: bool) -> None:  # noqa: FBT001
    """Regular expressions match whole values, and a label that is missing is empty."""
    assert selector(text).holds(labels) is holds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9calls",
        "calls-total",
        "calls{",
        "calls{outcome}",
        "calls{outcome=ok}",
        'calls{outcome=="ok"}',
        'calls{a="b"} 7',
    ],
)
def test_nonsense_is_no_selector(text: str) -> None:
    """What is valid is told with an example."""
    with pytest.raises(ValueError, match=r"a metric's name, with labels where needed, such as requests_total"):
        selector(text)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            ["requests: calls{"],
            "8 services.web.counters.requests: requests cannot be read; calls{; a metric's name, with labels",
        ),
        (
            ['calls: calls{a=~"("}'],
            '8 services.web.counters.calls: calls cannot be read; calls{a=~"("}; a metric\'s name',
        ),
        (["limit: 7"], "8 services.web.counters.limit: limit is of the wrong kind; 7 (a number); a metric's name"),
        (
            ["route-label: the route"],
            "8 services.web.counters.route-label: route-label cannot be read; the route; the name of a label",
        ),
        (
            ["call-time-unit: us"],
            "8 services.web.counters.call-time-unit: call-time-unit is not a valid word; us; s or ms",
        ),
        (
            ["limit: pool_limit", "request: calls_total"],
            "9 services.web.counters.request: unknown key request; request; preset, requests, request-time",
        ),
        (
            ["preset: [hikaricp, micrometre]"],
            "8 services.web.counters.preset: preset cannot be read; a list of 2; a preset or a list of them: promhttp, micrometer,",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, lines: list[str], told: str) -> None:
    """As any other of a system file."""
    assert problem(tmp_path, *lines).startswith(told)


def test_the_preset_that_was_meant_is_named(tmp_path: Path) -> None:
    """A slip of the pen is no search."""
    assert 'not micrometre, did you mean "micrometer"?' in problem(tmp_path, "preset: [hikaricp, micrometre]")


def test_presets_are_written_out_and_own_entries_override_them(tmp_path: Path) -> None:
    """So that a run records what it was judged by; null leaves an entry out."""
    lines = ["preset: [micrometer, hikaricp]", "requests: answers_total", "calls: null"]
    (tmp_path / "tiny.yaml").write_text(SYSTEM % "\n".join(f"      {line}" for line in lines), encoding="utf-8")
    found = load_system("tiny", [tmp_path]).services["web"].counters
    assert found is not None
    assert found.requests == "answers_total"
    assert found.calls is None
    assert (found.request_time, found.limit) == ("http_server_requests_seconds", "hikaricp_connections_max")
    assert Counters.model_validate_json(found.model_dump_json(), context={"resolved": True}) == found


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_valid_mapping(name: str) -> None:
    """And has nothing that the manual does not name."""
    mapped = Counters.model_validate({"preset": name})
    written = mapped.model_dump(mode="json", exclude_none=True)
    assert {key: written[key] for key in PRESETS[name]} == dict(PRESETS[name])


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("product", True),
        ("/product/{id}", True),
        ("/product/{sku}", True),
        ("/product/:sku", True),
        ("product/{id}", False),
        ("/product/7", False),
        ("/product", False),
        ("/product/{id}/reviews", False),
        ("/order/{id}", False),
        ("", False),
    ],
)
def test_a_label_holds_a_route_by_its_name_or_its_path(value: str, stands: bool) -> None:  # noqa: FBT001
    """Frameworks give what is drawn names of their own."""
    assert stands_for(value, "product", "/product/{id}") is stands


def test_routes_of_one_path_are_told_apart_by_their_method() -> None:
    """Where a label holds it, in whatever case."""
    counters = Counters.model_validate({"preset": "promhttp"})
    is_its = of_route(counters, "read", "GET /cart?full=yes")
    assert is_its({"handler": "/cart", "method": "get"})
    assert not is_its({"handler": "/cart", "method": "post"})


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("payments", True),
        ("payments:8080", True),
        ("payments.shop.svc.cluster.local", True),
        ("http://payments.shop:8080/v1", True),
        ("outbound|8080||payments.shop.svc.cluster.local", True),
        ("payments-v2", False),
        ("old-payments", False),
        ("10.0.0.7", False),
        ("", False),
    ],
)
def test_a_label_holds_a_service_by_its_name_or_its_host(value: str, names: bool) -> None:  # noqa: FBT001
    """Clients write whom they call, proxies what they resolve."""
    assert of_dependency("to", ["payments"], ["payments", "cache"])({"to": value}) is names


def test_without_a_label_calls_are_those_to_the_only_callee() -> None:
    """With two nobody can tell whose they are."""
    assert of_dependency(None, ["payments"], ["payments"])({})
    assert not of_dependency(None, ["payments"], ["payments", "cache"])({})
    assert not of_dependency(None, [], [])({})


def test_times_are_in_seconds_whatever_the_metric_is_in() -> None:
    """Proxies count milliseconds."""
    assert (in_seconds(250, "ms"), in_seconds(0.25, "s")) == (0.25, 0.25)


def test_a_run_of_the_demo_from_before_mappings_is_read_as_it_was_judged() -> None:
    """Its services had these names, which its plan does not say."""
    recorded = json.loads(planned().to_json())
    for service in recorded["system"]["services"].values():
        del service["counters"]
    read = read_plan(json.dumps(recorded)).system.services
    for name, service in shop().services.items():
        if service.counters is not None:
            then, now = (each.model_dump(exclude_none=True) for each in (read[name].counters, service.counters) if each)
            assert now.items() <= then.items(), name


def test_a_run_of_another_system_without_a_mapping_is_read_without_one() -> None:
    """Nobody knows what its counters were called; and what a plan says to be none stays none."""
    recorded = json.loads(planned().to_json())
    for service in recorded["system"]["services"].values():
        service["counters"] = None
    assert {service.counters for service in read_plan(json.dumps(recorded)).system.services.values()} == {None}
    for service in recorded["system"]["services"].values():
        del service["counters"]
    recorded["system"]["targets"] = {"kind": {"context": "c", "namespace": "n", "url": "http://127.0.0.1:1"}}
    assert {service.counters for service in read_plan(json.dumps(recorded)).system.services.values()} == {None}
