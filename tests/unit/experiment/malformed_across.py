"""Files of which each key is well-formed and that do not fit together, as a table: classes of mistakes, four or more of each."""

from __future__ import annotations

from unit.experiment.small_files import Case, experiment, system

ACROSS: dict[str, tuple[Case, ...]] = {
    "the method": (
        experiment("- latency:", "- latencey:", "19 method[0].latencey: unknown fault latencey"),
        experiment("- latency: {edge: web -> stock, delay: 2s}", "- 7", "19 method[0]: this is not a fault"),
        experiment(
            "- latency: {edge: web -> stock, delay: 2s}",
            "- latency: 2s",
            "19 method[0].latency: latency wants its parameters by name",
        ),
        experiment(
            "- latency: {edge: web -> stock, delay: 2s}",
            "- {latency: , edge: web -> stock}",
            "19 method[0]: an entry of the method is one fault",
        ),
        experiment(
            "- latency: {edge: web -> stock, delay: 2s}",
            "- {type: action, name: x}",
            "19 method[0].provider: provider is missing",
        ),
        experiment("  - latency: {edge: web -> stock, delay: 2s}\n", "  []\n", "18 method: method is empty"),
        experiment(
            "edge: web -> stock,",
            "edge: web -> stock, service: stock,",
            "19 method[0].latency: the parameters of latency do not fit together",
        ),
        experiment(
            "delay: 2s", "delay: 2s, jitter: 3s", "19 method[0].latency: the parameters of latency do not fit together"
        ),
    ),
    "names of routes": (
        experiment(
            "    look: 100/s\n", "    lokk: 100/s\n    look: 100/s\n", "9 load.routes.lokk: there is no route lokk"
        ),
        experiment(
            "{route: look,", "{route: loop,", "17 steady-state-hypothesis.probes[1].route: there is no route loop"
        ),
        experiment("{route: look,", "{route: buy,", "17 steady-state-hypothesis.probes[1].route: buy is named twice"),
        experiment("routes: [look]", "routes: [lock]", "22 expect.backpressure.routes[0]: there is no route lock"),
        experiment("abort: {route: buy", "abort: {route: by", "25 safety.abort.route: there is no route by"),
        experiment(
            "isolated: [buy]", "isolated: [buy, sell]", "21 expect.bulkhead.isolated[1]: there is no route sell"
        ),
        experiment(
            "    look: 100/s\n",
            "",
            "16 steady-state-hypothesis.probes[1].route: the route look is not loaded",
            "21 expect.backpressure.routes[0]: the route look is not loaded",
        ),
    ),
    "names of services": (
        system(
            "- web -> cache",
            "- web -> cash",
            "15 dependencies[1]: there is no service cash",
            "22 routes.look.soft[1]: nothing leads from web",
        ),
        system("- web -> cache", "- web to cache", "15 dependencies[1]: dependencies[1] cannot be read"),
        system("hard: [web, database]", "hard: [web, databse]", "27 routes.buy.hard[1]: there is no service databse"),
        system("soft: [stock, cache, database]", "soft: [stock, web]", "22 routes.look.soft[1]: web is named twice"),
        system(
            "hard: [pulse]",
            "hard: [cache]",
            "28 routes.pulse.hard[0]: requests enter at the first hard service",
            "28 routes.pulse.hard[0]: the control route pulse shares cache with look",
        ),
        system(
            "  - web -> database\n",
            "  - web -> database\n  - web -> stock\n",
            "17 dependencies[3]: the edge stands twice",
        ),
        system(
            "  - web -> stock\n",
            "",
            "small.yaml 19 method[0].latency.edge: web -> stock does not fit the system",
            "21 routes.look.soft[0]: nothing leads from web",
        ),
        system(
            "{demo: shop}",
            '{demo: shop, bypass: {"web -> stok": 50%}}',
            "3 targets.local.bypass.web -> stok: there is no edge",
        ),
    ),
    "what is said of a cluster": (
        system(
            "  local: {demo: shop}\n",
            '  kind: {context: kind-tiny, namespace: tiny, demo: shop, url: {web: "http://127.0.0.1:30080"}}\n',
            "3 targets.kind.url: it does not say where requests enter at pulse",
        ),
        system(
            "  local: {demo: shop}\n",
            '  kind: {context: kind-tiny, namespace: tiny, url: "http://127.0.0.1:30080"}\n',
            "3 targets.kind: nothing in the cluster can be switched to the variants of the system",
        ),
        system(
            "  local: {demo: shop}\n",
            "  kind: {context: kind-tiny, namespace: tiny, demo: shop, url: 127.0.0.1:30080}\n",
            "3 targets.kind.url: url cannot be read",
        ),
        system(
            "  local: {demo: shop}\n",
            '  kind: {context: kind-tiny, namespace: Tiny, demo: shop, url: "http://127.0.0.1:30080"}\n',
            "3 targets.kind.namespace: namespace cannot be read",
        ),
        system(
            "  local: {demo: shop}\nvariants:\n  naive: {breaker: false}\n  hardened: {breaker: true}\n"
            "services:\n  web: {metrics: /metrics}\n  stock: {}\n",
            '  kind: {context: kind-tiny, namespace: tiny, demo: shop, url: "http://127.0.0.1:30080"}\n'
            "variants:\n  naive: {breaker: false}\n  hardened: {breaker: true}\n"
            "services:\n  web: {metrics: /metrics, password: {secret: a, key: b}}\n  stock: {deployment: web}\n",
            "8 services.web.password: web is no store",
            "9 services.stock.deployment: the Deployment web is that of web already",
        ),
    ),
    "faults that do not fit the system": (
        experiment(
            "edge: web -> stock", "edge: web -> stok", "19 method[0].latency.edge: web -> stok does not fit the system"
        ),
        experiment("edge: web -> stock", "service: stok", "19 method[0].latency.service: stok does not fit the system"),
        experiment(
            "- latency: {edge: web -> stock, delay: 2s}",
            "- empty-cache: {service: database}",
            "19 method[0].empty-cache.service: database does not fit",
        ),
        system(
            "  cache: {kind: redis, disposable: true}",
            "  cache: {kind: http}",
            "30 origins.database.cache: cache is no cache",
        ),
    ),
    "two faults at one place": (
        experiment(
            "expect:\n",
            "  - latency: {edge: web -> stock, delay: 1s}\nexpect:\n",
            "20 method[1].latency: two faults act on web -> stock",
        ),
        experiment(
            "expect:\n",
            "  - latency: {service: stock, delay: 1s}\nexpect:\n",
            "20 method[1].latency: two faults act on web -> stock",
        ),
        experiment(
            "edge: web -> stock, delay: 2s}\n",
            "edge: web -> cache, delay: 2s}\n  - empty-cache: {service: cache}\n",
            "20 method[1].empty-cache: latency lasts and empty-cache is over at once",
            "20 method[1].empty-cache: two faults act on cache",
        ),
        experiment(
            "expect:\n",
            "  - none: {}\n  - latency: {service: stock, delay: 1s}\nexpect:\n",
            "21 method[2].latency: two faults act on",
        ),
    ),
    "the deciding check": (
        experiment(
            "decides: bulkhead.buy.errors",
            "decides: bulkhead.buy.error",
            "5 decides: no check is called bulkhead.buy.error",
        ),
        experiment(
            "decides: bulkhead.buy.errors",
            "decides: stampede.duplicates",
            "5 decides: no check is called stampede.duplicates",
        ),
        experiment(
            "decides: bulkhead.buy.errors",
            "decides: bulkhead.look.errors",
            "5 decides: no check is called bulkhead.look.errors",
        ),
        experiment("decides: bulkhead.buy.errors", "decides: [bulkhead]", "5 decides: decides is of the wrong kind"),
    ),
    "controls and origins": (
        experiment("    pulse: 100/s\n", "", "7 load.routes: a bulkhead is judged against a loaded control route"),
        experiment("isolated: [buy]", "isolated: [buy, pulse]", "21 expect.bulkhead.isolated[1]: pulse is the control"),
        experiment(
            "  recovery: {within",
            "  stampede: {origin: databas}\n  recovery: {within",
            "23 expect.stampede.origin: there is no origin databas",
        ),
        experiment(
            "  recovery: {within",
            "  stampede: {origin: database}\n  recovery: {within",
            "23 expect.stampede.origin: no fault touches cache",
        ),
        system(", control: true}", "}", "small.yaml 7 load.routes: a bulkhead is judged"),
        system(
            "single-flight: breaker",
            "single-flight: braker",
            "30 origins.database.single-flight: no variant has a switch braker",
        ),
        system("naive: {breaker: false}", "naive: {}", "5 variants.naive: naive leaves a switch open"),
        system("name: tiny", "name: tony", "1 name: the name is not that of the file"),
        system("  local: {demo: shop}", "  {}", "2 targets: the system has no target to run on"),
    ),
    "keys and requests": (
        system(
            "    keys: zipf(1.0, 20)\n",
            "",
            "19 routes.look.request: nothing fills {id}",
            "29 origins.database.route: a cached route asks for keys",
        ),
        system("GET /look/{id}", "GET /look", "20 routes.look.keys: the request has no place for a key"),
        system("POST /buy", "POST /buy/{product}", "24 routes.buy.request: nothing fills {product}"),
        system("    body: {product: 7}\n", "    cold: 3%\n", "26 routes.buy.cold: cold is a share of keys"),
        system(
            "authorization:", "X-Request-Id:", "25 routes.buy.headers.X-Request-Id: the load generator sets this header"
        ),
        system("authorization:", '"bad name":', "25 routes.buy.headers.bad name: this is no header's name"),
        system(
            '"Bearer ${token}"',
            '"a\\nb: ${token}"',
            "25 routes.buy.headers.authorization: a header's value is one line",
        ),
    ),
    "secrets": (
        system("${token}", "${tokn}", "25 routes.buy.headers.authorization: there is no secret tokn"),
        system(
            "{product: 7}", '{list: [{card: "${card}"}]}', "26 routes.buy.body.list[0].card: there is no secret card"
        ),
        system(
            "{env: GAMEDAY_TEST_TOKEN}",
            "{env: GAMEDAY_TEST_UNSET}",
            "32 secrets.token.env: the environment variable GAMEDAY_TEST_UNSET is not set",
        ),
        system(
            "{env: GAMEDAY_TEST_TOKEN}",
            "{env: GAMEDAY_TEST_TOKEN}\n  spare: {env: GAMEDAY_TEST_UNSET}",
            "33 secrets.spare.env: the environment variable GAMEDAY_TEST_UNSET is not set",
        ),
        system(
            "{env: GAMEDAY_TEST_TOKEN}",
            "{env: GAMEDAY_TEST_SHORT}",
            "32 secrets.token.env: the value of the environment variable GAMEDAY_TEST_SHORT is too short",
        ),
        system("{env: GAMEDAY_TEST_TOKEN}", "{env: 7-of-9}", "32 secrets.token.env: env cannot be read"),
    ),
    "times": (
        experiment("warmup: 6s", "warmup: 0s", "12 phases.warmup: warmup is out of range"),
        experiment("recovery: 14s", "recovery: 2h", "12 phases.recovery: recovery is out of range"),
        experiment(
            "recovery: 14s",
            "recovery: 14s, guard: 11s",
            "12 phases.fault: the fault is too short",
            "12 phases.guard: the guards at both ends leave nothing of the fault phase to judge",
        ),
        experiment("baseline: 16s", "baseline: 9s", "12 phases.baseline: the baseline is too short"),
        experiment(
            "fault: 20s",
            "fault: 13s",
            "12 phases.fault: the fault is too short",
            "21 expect.bulkhead.hung: the planned sample cannot decide hung < 0.5%",
            "22 expect.backpressure.hung: the planned sample cannot decide hung < 0.5%",
        ),
        experiment("hang: 3s", "hang: 1s", "11 load.hang: a request hangs only after its deadline"),
        experiment("within: 10s", "within: 12s", "23 expect.recovery.within: the recovery lasts 14s"),
        experiment("buy: 100/s", "buy: 90000/s", "7 load.routes: the load is too large"),
    ),
    "thresholds that no sample can decide": (
        experiment(
            'good: "> 97%"}\nmethod',
            'good: "> 99.9%"}\nmethod',
            "17 steady-state-hypothesis.probes[1].good: the planned sample cannot decide good > 99.9%",
        ),
        experiment(
            'good: "> 97%"}\nmethod',
            'good: "> 100%"}\nmethod',
            "17 steady-state-hypothesis.probes[1].good: no sample can show this",
        ),
        experiment(
            "buy: 100/s",
            "buy: 14/s",
            "16 steady-state-hypothesis.probes[0].p95: the planned sample cannot decide p95 < 250ms",
            "21 expect.bulkhead.errors: the planned sample cannot decide errors < 1%",
            "21 expect.bulkhead.hung: the planned sample cannot decide hung < 0.5%",
        ),
        experiment("buy: 100/s", "buy: 50/s", "21 expect.bulkhead.hung: the planned sample cannot decide hung < 0.5%"),
        experiment(
            "routes: [look]",
            'routes: [look], fast-or-good: "> 99.9%"',
            "22 expect.backpressure.fast-or-good: the planned sample cannot decide",
        ),
        experiment('p95: "< 250ms"', 'p95: "< 0ms"', "16 steady-state-hypothesis.probes[0].p95: nothing can pass this"),
        experiment(
            "{isolated: [buy]}",
            '{isolated: [buy], inflation: "< 0.5"}',
            "21 expect.bulkhead.inflation: nothing can pass this",
        ),
    ),
    "what an event costs": (
        experiment(
            "  recovery: {within",
            "  outage: {routes: [buy]}\n  recovery: {within",
            "23 expect.outage: an outage is what a single event costs, and these faults last",
        ),
        experiment(
            "- latency: {edge: web -> stock, delay: 2s}\nexpect:\n  bulkhead: {isolated: [buy]}\n  backpressure: {routes: [look]}\n",
            "- kill: {service: web}\nexpect:\n  bulkhead: {isolated: [buy]}\n  outage: {routes: [lock]}\n",
            "22 expect.outage.routes[0]: there is no route lock",
        ),
        experiment(
            "- latency: {edge: web -> stock, delay: 2s}\nexpect:\n  bulkhead: {isolated: [buy]}\n  backpressure: {routes: [look]}\n",
            '- kill: {service: web}\nexpect:\n  bulkhead: {isolated: [buy]}\n  outage: {routes: [look], lost: "< 5ms"}\n',
            "22 expect.outage.lost: not even one bad answer would pass",
        ),
        experiment(
            "- latency: {edge: web -> stock, delay: 2s}\nexpect:\n  bulkhead: {isolated: [buy]}\n  backpressure: {routes: [look]}\n",
            '- kill: {service: stock}\nexpect:\n  bulkhead: {isolated: [buy]}\n  outage: {routes: [buy, look], lost: "< 1s"}\n',
            "22 expect.outage.routes[0]: no fault can touch buy",
        ),
        experiment(
            "backpressure: {routes: [look]}",
            "backpressure: {routes: [look, pulse]}",
            "22 expect.backpressure.routes[1]: no fault can touch pulse",
        ),
        experiment(
            "- latency: {edge: web -> stock, delay: 2s}",
            "- surge: {route: look, rate: 2/s}",
            "18 method: a surge comes to a route without other load, and look has some",
        ),
    ),
    "several at once": (
        experiment(
            "tags: [small]\nsystem: tiny\n",
            "tagz: [small]\nsystem: tiny\ntitle: again\n",
            "3 tagz: unknown key tagz",
            "5 title: the key stands twice",
        ),
        experiment(
            "buy: 100/s\n    look: 100/s",
            "buy: 100\n    lock: 100/s",
            "8 load.routes.buy: buy cannot be read",
            "9 load.routes.lock: there is no route lock",
            "17 steady-state-hypothesis.probes[1].route: the route look is not loaded",
            "22 expect.backpressure.routes[0]: the route look is not loaded",
        ),
        experiment(
            "delay: 2s}\nexpect:\n  bulkhead: {isolated: [buy]}",
            "delay: 2}\nexpect:\n  bulkhead: {isolated: [bye]}",
            "19 method[0].latency.delay: delay cannot be read",
            "21 expect.bulkhead.isolated[0]: there is no route bye",
        ),
        experiment("system: tiny", "system: tony", "4 system: there is no system tony"),
        system("name: tiny", "name: Tiny\nkind: x", "1 name: name cannot be read", "2 kind: unknown key kind"),
    ),
}
