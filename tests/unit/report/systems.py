"""Plans and run facts for the report's tests, written by hand: no file is read and no clock."""

from __future__ import annotations

from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.model import Experiment, System
from gameday.experiment.plan import Phase, Plan, RouteLoad, planned_checks
from gameday.record.folder import About

PHASES = (
    Phase("warmup", 0.0, 6.0),
    Phase("baseline", 6.0, 22.0),
    Phase("fault", 22.0, 42.0),
    Phase("recovery", 42.0, 56.0),
)

SYSTEM = System.model_validate(
    {
        "name": "shop",
        "targets": {"local": {"demo": "shop"}},
        "variants": {"naive": {"pool-per-dependency": False}, "hardened": {"pool-per-dependency": True}},
        "services": {
            "web": {"metrics": "/metrics"},
            "recommendations": {},
            "payments": {},
            "pulse": {},
            "cache": {"kind": "redis", "disposable": True},
            "database": {"kind": "postgres"},
        },
        "dependencies": ["web -> recommendations", "web -> payments", "web -> cache", "web -> database"],
        "routes": {
            "product": {"request": "GET /product/{id}", "hard": ["web"], "soft": ["cache", "database"]},
            "login": {"request": "POST /login", "hard": ["web", "database"]},
            "checkout": {"request": "POST /checkout", "hard": ["web", "payments", "database"]},
            "recommendations": {
                "request": "GET /recommendations/{id}",
                "hard": ["web"],
                "soft": ["recommendations"],
            },
            "pulse": {"request": "GET /pulse", "hard": ["pulse"], "control": True},
        },
    }
)

LATENCY = PlannedFault(
    fault="latency",
    shape="step",
    parameters={"edge": "web -> recommendations", "delay": "2s", "jitter": "100ms"},
    services=("recommendations",),
    edges=("web -> recommendations",),
    dose="2 s",
    effect="every answer of recommendations to web comes 2 s ± 100 ms later",
    undo="the proxy on web -> recommendations lets every held answer go and delays no more",
    proof="web's own measure of its calls to recommendations must rise by at least 1 s",
)

EMPTY_CACHE = PlannedFault(
    fault="empty-cache",
    shape="impulse",
    parameters={"service": "cache"},
    services=("cache",),
    edges=(),
    dose="all keys",
    effect="all keys of cache are removed at once",
    undo="nothing: the system fills the cache again by itself",
    proof="cache must count no key right after the removal",
)

ABOUT = About(
    started="2026-11-20T17:45:46+00:00",
    start_s=12345.5,
    boot_id="5f0c9c1e-0000-4000-8000-000000000000",
    versions={"gameday": "0.1.0", "Python": "3.12.4", "Locust": "2.47.0", "PostgreSQL": "18.0", "Redis": "7.0.15"},
    command="gameday run slow-recommendations --variant naive --seed 7",
)


def slow_recommendations(variant: str = "naive") -> Plan:
    """Plan two seconds of latency on the recommendations."""
    experiment = Experiment.model_validate(
        {
            "title": "If recommendations are slow, does checkout hang?",
            "description": "Every answer of the recommendation service comes two seconds late.",
            "tags": ["bulkhead", "backpressure"],
            "system": "shop",
            "decides": "bulkhead.checkout.hung",
            "load": {
                "routes": {"recommendations": "60/s", "checkout": "60/s", "login": "60/s", "pulse": "60/s"},
            },
            "steady-state-hypothesis": {
                "title": "Shoppers are served",
                "probes": [
                    {"route": "recommendations", "p95": "< 250ms", "good": "> 97%"},
                    {"route": "checkout", "p95": "< 250ms", "good": "> 97%"},
                    {"route": "login", "p95": "< 250ms", "good": "> 97%"},
                ],
            },
            "method": [{"fault": "latency", "parameters": dict(LATENCY.parameters)}],
            "expect": {
                "bulkhead": {"isolated": ["checkout", "login"]},
                "backpressure": {"routes": ["recommendations"]},
            },
        }
    )
    return _plan("slow-recommendations", experiment, LATENCY, variant)


def cache_stampede(variant: str = "hardened") -> Plan:
    """Plan an emptied cache at peak."""
    experiment = Experiment.model_validate(
        {
            "title": "Does an empty cache melt the database?",
            "description": "Redis is emptied at peak.",
            "system": "shop",
            "decides": "stampede.duplicates",
            "load": {"routes": {"product": "100/s", "login": "60/s", "checkout": "60/s", "pulse": "60/s"}},
            "steady-state-hypothesis": {
                "title": "Shoppers are served",
                "probes": [{"route": "product", "good": "> 97%"}, {"route": "login", "p95": "< 250ms"}],
            },
            "method": [{"fault": "empty-cache", "parameters": {"service": "cache"}}],
            "expect": {
                "bulkhead": {"isolated": ["login", "checkout"]},
                "stampede": {"origin": "database", "duplicates": "< 1.2"},
            },
        }
    )
    return _plan("cache-stampede", experiment, EMPTY_CACHE, variant)


def _plan(name: str, experiment: Experiment, fault: PlannedFault, variant: str) -> Plan:
    return Plan(
        name=name,
        experiment=experiment,
        system=SYSTEM,
        target="local",
        variant=variant,
        seed=7,
        phases=PHASES,
        routes=tuple(
            RouteLoad(index, route, rate_per_s, round(rate_per_s * 56))
            for index, (route, rate_per_s) in enumerate(experiment.load.routes.items())
        ),
        faults=(fault,),
        predictions=(),
        checks=planned_checks(experiment, SYSTEM, (fault,)),
    )
