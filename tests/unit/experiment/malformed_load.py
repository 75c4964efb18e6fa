"""Loads that are well-formed and cannot be, as a table: routes and locustfiles, and locustfiles themselves."""

from __future__ import annotations

from unit.experiment.small_files import EXPERIMENT, Case, experiment

ROUTES = "  routes:\n    buy: 100/s\n    look: 100/s\n    pulse: 100/s\n  hang: 3s\n"


def locustfile(*keys: str) -> str:
    """Write a load section's keys."""
    return "".join(f"  {key}\n" for key in ("locustfile: shop.py", *keys))


REST = EXPERIMENT[EXPERIMENT.index("phases:") : EXPERIMENT.index("  - latency:")]
"""What stands between the load and the first fault."""

LOAD: dict[str, tuple[Case, ...]] = {
    "kinds of load": (
        experiment(ROUTES, "  hang: 3s\n", "6 load: nothing is loaded"),
        experiment("  hang: 3s\n", "  locustfile: shop.py\n", "11 load.locustfile: a load is routes or a locustfile"),
        experiment("  hang: 3s\n", "  users: 5\n", "11 load.users: users goes with load.locustfile only"),
        experiment("  hang: 3s\n", "  names: {buy: [x]}\n", "11 load.names: names goes with load.locustfile only"),
        experiment(ROUTES, locustfile("arrivals: poisson"), "8 load.arrivals: arrivals goes with load.routes only"),
        experiment(ROUTES, locustfile("user: 5"), "8 load.user: unknown key user"),
        experiment(ROUTES, locustfile("users: 0"), "8 load.users: users is out of range"),
        experiment(ROUTES, locustfile("users: many"), "8 load.users: users is of the wrong kind"),
    ),
    "what a locustfile is asked": (
        experiment(ROUTES, locustfile("host: stock"), "8 load.host: there is no service at which requests enter"),
        experiment(ROUTES, locustfile("hosts: {Buyer: wep}"), "8 load.hosts.Buyer: there is no service at which"),
        experiment(ROUTES, locustfile("names: {by: [x]}"), "8 load.names.by: there is no route by"),
        experiment(
            ROUTES, locustfile("names: {buy: [x], look: [y, x]}"), "8 load.names.look[1]: requests of this name"
        ),
        experiment(
            f"{ROUTES}{REST}  - latency: {{edge: web -> stock, delay: 2s}}\n",
            f"{locustfile()}{REST}  - surge: {{route: look, rate: 5/s}}\n",
            "14 method: a surge comes to a route without other load",
        ),
        experiment(ROUTES, locustfile("users: 50"), "6 load.spawn-rate: 50 users take 50s to start"),
        experiment(ROUTES, locustfile("users: 50", "spawn-rate: 5/s"), "9 load.spawn-rate: 50 users take 10s to start"),
        experiment(ROUTES, locustfile("hang: 1s"), "8 load.hang: a request hangs only after its deadline"),
    ),
    "requests in flight": (
        experiment(
            "  hang: 3s\n",
            "  hang: 3s\n  max-in-flight: many\n",
            "12 load.max-in-flight: max-in-flight is of the wrong",
        ),
        experiment(
            "  hang: 3s\n", "  hang: 3s\n  max-in-flight: 400\n", "12 load.max-in-flight: a system that does not answer"
        ),
        experiment(
            "  hang: 3s\n", "  hang: 3s\n  max-in-flight: 0\n", "12 load.max-in-flight: max-in-flight is out of range"
        ),
        experiment(
            ROUTES, locustfile("max-in-flight: 9000"), "8 load.max-in-flight: max-in-flight goes with load.routes only"
        ),
    ),
    "locustfiles": (
        experiment(ROUTES, "  locustfile: none.py\n", "7 load.locustfile: the locustfile cannot be read"),
        experiment(ROUTES, "  locustfile: systems\n", "7 load.locustfile: the locustfile is not Python"),
        experiment(ROUTES, "  locustfile: ''\n", "7 load.locustfile: locustfile is out of range"),
        experiment(ROUTES, "  locustfile: broken.py\n", "broken.py 3 : SyntaxError: expected ':'"),
        experiment(ROUTES, "  locustfile: zero.py\n", "zero.py 1 : "),
    ),
}

FILES = {
    "shop.py": "raise SystemExit('loading runs nothing')\n",
    "broken.py": "import locust\n\nclass Shopper(locust.User)\n    pass\n",
    "zero.py": "a = 1\0\n",
}
"""Name -> text of the locustfiles that lie beside the experiment."""
