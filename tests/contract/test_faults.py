"""What every fault keeps to, on a system whose truth is known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pydantic import JsonValue, ValidationError

from fakes import FakeTarget
from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.counters import Counters
from gameday.faults import catalogue
from gameday.faults.place import see_called
from gameday.faults.protocol import Fault
from gameday.targets.local.target import LocalTarget
from gameday.targets.protocol import Replica, TargetError
from samples import planned, shop

FAULTS: dict[str, dict[str, JsonValue]] = {
    "none": {},
    "latency": {"edge": "web -> recommendations", "delay": "2s", "jitter": "100ms"},
    "empty-cache": {"service": "cache"},
    "blackhole": {"edge": "web -> payments"},
    "errors": {"edge": "web -> payments", "path": "/pay*", "status": 503, "share": "50%"},
    "kill": {"service": "web", "replicas": "one", "down": "8s"},
    "monkey": {"services": ["web"], "seed": 3},
    "surge": {"route": "image", "rate": "2/s"},
    "scale": {"service": "recommendations", "replicas": 0},
    "drain": {"service": "web", "grace": "1s"},
    "pause": {"service": "web", "replicas": "34%", "seed": 7},
    "stress": {"service": "web", "cpu": "0.5 cores", "memory": "20MB"},
}
on_connections = pytest.mark.parametrize("name", ["latency", "blackhole", "errors"])
everyone = pytest.mark.parametrize("name", sorted(FAULTS))


def case(name: str) -> tuple[Fault, PlannedFault]:
    """Return a fault and how the shop's plan resolves it."""
    return catalogue()[name], planned(name, FAULTS[name]).faults[0]


def test_every_fault_that_ships_is_in_this_suite() -> None:
    """A new fault brings its row; an activity of Chaos Toolkit acts on no target, and has a suite of its own."""
    assert set(catalogue()) - {"activity"} == set(FAULTS)
    assert [fault.name for fault in catalogue().values()] == list(catalogue())


@everyone
def test_prepare_changes_nothing(name: str) -> None:
    """Reading the state is all it does."""
    fault, plan = case(name)
    target = FakeTarget()
    before = target.state()
    fault.prepare(plan, target)
    assert target.state() == before
    assert target.acts == []


@everyone
def test_the_undo_data_is_plain_json(name: str) -> None:
    """Another process, later, has nothing else."""
    fault, plan = case(name)
    undo = dict(fault.prepare(plan, FakeTarget()))
    assert json.loads(json.dumps(undo)) == undo


@everyone
def test_undo_heals_and_twice_is_once(name: str) -> None:
    """Repeating the undo is what a net does."""
    fault, plan = case(name)
    target = FakeTarget()
    undo = fault.prepare(plan, target)
    fault.inject(plan, target, undo)
    fault.undo(undo, target)
    after = target.state()
    fault.undo(undo, target)
    assert target.state() == after
    assert (target.delays, target.errors, target.blackholed, target.stresses) == ({}, {}, set(), {})
    assert (target.scaled, target.cordoned) == (None, False)
    assert all(target.is_ready("web", name) for name in target.processes)
    assert fault.healed(undo, target)


@everyone
def test_whoever_is_named_is_named_with_its_service(name: str) -> None:
    """A name alone does not say whose a replica is, least of all when it is gone."""
    fault, plan = case(name)
    target = FakeTarget()
    undo = json.loads(json.dumps(dict(fault.prepare(plan, target))))
    fault.inject(plan, target, undo)
    fault.undo(undo, target)
    fault.healed(undo, target)
    assert {service for service, _ in target.told} <= {"web"}
    assert {replica for _, replica in target.told} <= {"web-1", "web-2"}


@everyone
def test_undo_tolerates_a_fault_that_never_happened(name: str) -> None:
    """The crash may come between the record and the effect."""
    fault, plan = case(name)
    target = FakeTarget()
    before = target.state()
    undo = fault.prepare(plan, target)
    fault.undo(undo, target)
    assert target.state() == before


@everyone
def test_a_working_injection_is_proven(name: str) -> None:
    """The target's own signals show the dose."""
    fault, plan = case(name)
    target = FakeTarget()
    undo = fault.prepare(plan, target)
    assert fault.prove(plan, target, fault.inject(plan, target, undo)).bites


@pytest.mark.parametrize("name", sorted(set(FAULTS) - {"none"}))
def test_an_injection_that_does_nothing_is_not_proven(name: str) -> None:
    """Asked for a dose, shown none."""
    fault, plan = case(name)
    target = FakeTarget(inert=True)
    undo = fault.prepare(plan, target)
    assert not fault.prove(plan, target, fault.inject(plan, target, undo)).bites


@on_connections
def test_without_traffic_of_a_caller_a_fault_is_not_proven(name: str) -> None:
    """A canary shows what the proxy does to a canary: here everybody else goes where no proxy is."""
    fault, plan = case(name)
    plan = replace(plan, needed=plan.edges)
    target = FakeTarget(counters=False, elsewhere=True)
    proof = fault.prove(plan, target, fault.inject(plan, target, fault.prepare(plan, target)))
    assert not proof.bites
    assert f"none of them on {plan.edges[0]}, which loaded routes need" in proof.text


@on_connections
def test_a_caller_that_counts_nothing_is_not_said_to_have_counted(name: str) -> None:
    """A page without the counters is no count of zero: what its callers tried is proof."""
    fault, plan = case(name)
    target = FakeTarget(counters=False)
    proof = fault.prove(plan, target, fault.inject(plan, target, fault.prepare(plan, target)))
    assert proof.bites
    assert "count" not in proof.text
    assert "callers tried 100 times through the proxy" in proof.text


@on_connections
def test_of_an_edge_that_no_loaded_route_needs_nothing_is_claimed(name: str) -> None:
    """Alone it is not proven; beside one that is called it is named."""
    fault, plan = case(name)
    other = "other -> payments"
    alone = replace(plan, edges=(other,), needed=())
    beside = replace(plan, edges=(*plan.edges, other), needed=plan.edges)
    for planned_fault, bites in ((alone, False), (beside, True)):
        target = FakeTarget(silent=(other,))
        proof = fault.prove(planned_fault, target, fault.inject(planned_fault, target, {}))
        assert proof.bites is bites, proof.text
        assert f"nobody called on {other}, which no loaded route needs" in proof.text


@pytest.mark.parametrize(
    ("name", "parameters", "called"),
    [
        ("kill", {"service": "payments"}, ("web -> payments",)),
        ("kill", {"service": "payments", "grace": "1s"}, ("web -> payments",)),
        ("monkey", {"services": ["payments", "web"], "singles": True}, ("web -> payments",)),
        ("pause", {"service": "database"}, ("web -> database",)),
        ("stress", {"service": "payments", "cpu": "0.1 cores"}, ("web -> payments",)),
        ("scale", {"service": "payments", "replicas": 0}, ("web -> payments",)),
        ("drain", {"service": "payments"}, ("web -> payments",)),
        ("empty-cache", {"service": "cache"}, ()),
        ("kill", {"service": "web"}, ()),
        ("kill", {"service": "images"}, ()),
        ("latency", {"edge": "web -> payments", "delay": "1s"}, ()),
        ("surge", {"route": "image", "rate": "2/s"}, ()),
    ],
)
def test_in_a_cluster_a_service_behind_the_entry_must_be_called_where_loaded_routes_need_it(
    name: str, parameters: dict[str, JsonValue], called: tuple[str, ...]
) -> None:
    """Checkout needs payments and the database, and nothing that is loaded needs the cache or images; web is where the load enters."""
    assert planned(name, parameters, target="kind").faults[0].called == called
    assert planned(name, parameters).faults[0].called == ()


@pytest.mark.parametrize("name", sorted(set(FAULTS) - {"none", "latency", "blackhole", "errors", "surge"}))
def test_a_fault_on_a_service_that_nobody_calls_is_refused_before_it_is_prepared(name: str) -> None:
    """What is named is then not what serves the load: nothing is done to it, and the reason names who was looked for."""
    _, plan = case(name)
    named = replace(plan, called=("desk -> web", "office -> web"))
    see_called(named, FakeTarget())
    target = FakeTarget(unused=("web",))
    with pytest.raises(
        TargetError, match="no caller: no connection of desk or office to any replica of web"
    ) as refused:
        see_called(named, target)
    assert "connections came from 192.0.2.7 only" in str(refused.value)
    assert target.acts == []


@everyone
def test_a_lease_may_be_renewed_at_any_time(name: str) -> None:
    """Renewing adds nothing to what was injected."""
    fault, plan = case(name)
    target = FakeTarget()
    undo = fault.prepare(plan, target)
    fault.inject(plan, target, undo)
    before = target.state()
    fault.renew(plan, target, undo)
    assert target.state() == before


@everyone
def test_the_plan_says_what_it_does_how_it_is_undone_and_what_proves_it(name: str) -> None:
    """Nothing is injected that was not announced."""
    _, plan = case(name)
    assert all(text.endswith(".") for text in (plan.effect, plan.undo, plan.proof))


def test_a_latency_fault_on_a_service_takes_all_of_its_edges() -> None:
    """``service:`` means every caller, the load included."""
    fault = catalogue()["latency"]
    given = fault.parameters.model_validate({"service": "web", "delay": "1s"})
    assert fault.plan(given, shop()).edges == ("load -> web",)


@pytest.mark.parametrize(
    ("name", "parameters", "key"),
    [
        ("latency", {"edge": "web -> pulse", "delay": "1s"}, "edge"),
        ("latency", {"service": "nobody", "delay": "1s"}, "service"),
        ("blackhole", {"edge": "web -> pulse"}, "edge"),
        ("errors", {"edge": "web -> pulse"}, "edge"),
        ("errors", {"edge": "web -> cache"}, "edge"),
        ("pause", {"service": "nobody"}, "service"),
        ("stress", {"service": "nobody", "cpu": "1 core"}, "service"),
        ("kill", {"service": "nobody"}, "service"),
        ("monkey", {"services": ["web", "nobody"]}, "services"),
        ("scale", {"service": "nobody", "replicas": 0}, "service"),
        ("drain", {"service": "nobody"}, "service"),
        ("empty-cache", {"service": "web"}, "service"),
        ("surge", {"route": "imaeg", "rate": "2/s"}, "route"),
        ("surge", {"route": "pulse", "rate": "2/s"}, "route"),
        ("empty-cache", {"service": "nobody"}, "service"),
    ],
)
def test_what_the_system_does_not_have_is_a_mistake(name: str, parameters: dict[str, JsonValue], key: str) -> None:
    """The key is named, and what would be valid."""
    fault = catalogue()[name]
    mistakes = fault.check(fault.parameters.model_validate(parameters), shop())
    assert [mistake.key for mistake in mistakes] == [key]
    assert mistakes[0].valid


@pytest.mark.parametrize(
    ("name", "parameters", "valid"),
    [
        ("kill", {"service": "web", "replicas": "0%"}, "one, all, or a share above 0%"),
        ("pause", {"service": "web", "replicas": "two"}, "one, all, or a share above 0%"),
        ("errors", {"edge": "web -> payments", "share": "0%"}, "a share above 0%"),
        ("errors", {"edge": "web -> payments", "status": 200}, "greater than or equal to 400"),
        ("scale", {"service": "web", "replicas": -1}, "greater than or equal to 0"),
        ("kill", {"service": "web", "grace": "-1s"}, "a duration with its unit"),
        ("stress", {}, "cpu, such as 1 core, or memory"),
        ("stress", {"cpu": "0 cores"}, "cpu, such as 1 core, or memory"),
        ("blackhole", {}, "either edge: CALLER -> CALLEE or service: NAME"),
        ("surge", {"route": "image", "rate": "0/s"}, "a rate"),
    ],
)
def test_a_dose_that_does_nothing_or_means_nothing_is_refused(
    name: str, parameters: dict[str, JsonValue], valid: str
) -> None:
    """In words that say what would be valid."""
    with pytest.raises(ValidationError, match=valid):
        catalogue()[name].parameters.model_validate(parameters)


@pytest.mark.parametrize("name", ["scale", "drain"])
def test_what_only_a_cluster_has_is_refused_elsewhere_before_anything_is_done(name: str) -> None:
    """The plan refuses it first; this is the net."""
    fault, plan = case(name)
    with pytest.raises(TargetError, match="--target kind"):
        fault.prepare(plan, LocalTarget("127.0.0.1:9", shop()))


@pytest.mark.parametrize("name", ["kill", "pause", "drain"])
def test_whom_a_fault_takes_is_drawn_once(name: str) -> None:
    """What takes the place of a killed pod must not be killed by a renewal."""
    fault, plan = case(name)
    target = FakeTarget()
    undo = fault.prepare(plan, target)
    fault.inject(plan, target, undo)
    target.processes = {each: Replica(each, "1", stopped=False) for each in ("web-0", *target.processes)}
    fault.renew(plan, target, undo)
    assert target.processes["web-0"] == Replica("web-0", "1", stopped=False)


def test_a_killed_pod_is_gone_or_another_one() -> None:
    """A replica that has come in the place of one that is to stay down is counted against the proof."""
    fault, plan = case("kill")
    target = FakeTarget()
    injected = fault.inject(plan, target, fault.prepare(plan, target))
    target.processes = {name: each for name, each in target.processes.items() if each.identity is not None}
    assert fault.prove(plan, target, injected).bites
    target.processes["web-3"] = Replica("web-3", "3", stopped=False)
    seen = fault.prove(plan, target, injected)
    assert (seen.bites, seen.bypassed) == (False, 1)
    assert "came in their place" in seen.text


def test_a_graceful_kill_says_so() -> None:
    """Whoever reads the plan sees which signals come."""
    fault = catalogue()["kill"]
    given = fault.parameters.model_validate({"service": "web", "grace": "3s"})
    assert "SIGTERM, and after 3s SIGKILL," in fault.plan(given, shop()).effect


def test_a_cordon_alone_evicts_nobody() -> None:
    """The node's pods stay; the proof asks for no more."""
    fault = catalogue()["drain"]
    target = FakeTarget()
    plan = fault.plan(fault.parameters.model_validate({"service": "web", "cordon-only": True}), shop())
    undo = fault.prepare(plan, target)
    assert fault.prove(plan, target, fault.inject(plan, target, undo)).bites
    assert "evict" not in target.acts
    assert set(target.pods) == {"web-1", "web-2"}


def test_a_number_of_replicas_that_is_there_already_is_no_fault() -> None:
    """It would do nothing and count as proven."""
    fault = catalogue()["scale"]
    plan = fault.plan(fault.parameters.model_validate({"service": "web", "replicas": 2}), shop())
    with pytest.raises(TargetError, match="already"):
        fault.prepare(plan, FakeTarget())


def test_a_surge_is_planned_on_a_system_whose_entry_is_misspelt() -> None:
    """The file's mistake is told by its own check, which comes after."""
    services = {name: service for name, service in shop().services.items() if name != "web"}
    fault = catalogue()["surge"]
    parameters = fault.parameters.model_validate(FAULTS["surge"])
    assert fault.plan(parameters, shop().model_copy(update={"services": services})).parameters["entry"] == "web"


def test_a_surge_that_nobody_counts_is_not_said_to_be_counted() -> None:
    """A page without requests by route has not counted none."""
    fault, plan = case("surge")
    target = FakeTarget(counters=False)
    proof = fault.prove(plan, target, fault.inject(plan, target, {}))
    assert not proof.bites
    assert proof.text == (
        "web publishes no http_requests_total; it publishes: front_requests_total, and web has no other counter with image "
        "in a label, so nothing shows that requests of image came"
    )


@pytest.mark.parametrize(
    ("labels", "bites"),
    [
        ('method="GET",uri="/image/{name}"', True),
        ('method="POST",uri="/image/{name}"', False),
        ('method="GET",uri="/product/{id}"', False),
    ],
)
def test_a_surge_is_proven_by_the_counter_that_the_system_file_maps(labels: str, bites: bool) -> None:  # noqa: FBT001
    """Of a server that is no shop: by its names and labels, and of other requests not at all."""
    system = shop()
    services = {
        **system.services,
        "web": system.services["web"].model_copy(
            update={"counters": Counters.model_validate({"preset": "micrometer"})}
        ),
    }
    fault = catalogue()["surge"]
    plan = fault.plan(
        fault.parameters.model_validate(FAULTS["surge"]), system.model_copy(update={"services": services})
    )
    target = FakeTarget(counter=f"http_server_requests_seconds_count{{{labels}}}")
    proof = fault.prove(plan, target, fault.inject(plan, target, {}))
    assert (proof.bites, proof.text.partition(" of ")[0]) == (bites, f"web counted {100 if bites else 0} answers")


@pytest.mark.parametrize("label", ['route="image"', 'handler="/image/{id}"', 'code="200",path="/image/7"'])
@pytest.mark.parametrize("measured", [0, 100])
def test_a_surge_is_proven_by_whatever_counter_of_the_service_names_the_route(label: str, measured: int) -> None:
    """A counter of bytes beside it rises faster, and is not taken for requests; where none rises, none came."""
    fault, plan = case("surge")
    target = FakeTarget(inert=measured == 0, counter=f"office_answers_total{{{label}}}")
    proof = fault.prove(plan, target, fault.inject(plan, target, {}))
    assert (proof.bites, proof.measured) == (measured > 0, measured), proof.text


@pytest.mark.parametrize(
    ("place", "needed"),
    [
        ({"edge": "web -> payments"}, ("web -> payments",)),
        ({"service": "web"}, ("load -> web",)),
        ({"edge": "web -> recommendations"}, ()),
        ({"service": "images"}, ()),
    ],
)
def test_the_plan_names_the_edges_that_loaded_routes_need(place: dict[str, JsonValue], needed: tuple[str, ...]) -> None:
    """Checkout needs payments and enters at web; of an edge that it does not need the plan says that nothing may show there."""
    fault = planned("latency", {**place, "delay": "2s"}).faults[0]
    assert fault.needed == needed
    assert ("No loaded route needs web -> " in fault.proof) is not bool(needed)


def test_a_number_of_replicas_that_somebody_else_changes_is_not_held() -> None:
    """It is as asked whenever it is looked at, right after a renewal, and was not in between."""
    fault, plan = case("scale")
    target = FakeTarget()
    undo = fault.prepare(plan, target)
    injected = fault.inject(plan, target, undo)
    fault.renew(plan, target, undo)
    assert fault.prove(plan, target, injected).bites
    target.scaled = 1
    fault.renew(plan, target, undo)
    proof = fault.prove(plan, target, injected)
    assert not proof.bites
    assert proof.text.endswith("but somebody else has scaled it to 1 meanwhile: an autoscaler or an operator")
    assert fault.prove(plan, target, fault.inject(plan, target, undo)).bites
