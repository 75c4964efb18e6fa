"""Files that are malformed by themselves, as a table: classes of mistakes, four or more of each."""

from __future__ import annotations

from unit.experiment.small_files import Case, experiment, system

_PROBES = """\
    - {route: buy, p95: "< 250ms", good: "> 97%"}
    - {route: look, good: "> 97%"}
"""
_SERVICES = """\
  web: {metrics: /metrics}
  stock: {}
  pulse: {}
  cache: {kind: redis, disposable: true}
  database: {kind: postgres}
"""

VALUES: dict[str, tuple[Case, ...]] = {
    "not YAML": (
        experiment("tags: [small]", "tags: [small", "3 : this is not YAML"),
        experiment("load:\n", "load: : x\n", "6 : this is not YAML"),
        experiment("phases: {", "phases: }", "12 : this is not YAML"),
        experiment("title: Does", "title: 'Does", "1 : this is not YAML"),
        system("name: tiny", "name: @tiny", "1 : this is not YAML"),
        system("name: tiny", 'name: "\\UFFFFFFFF"', "1 : this is not YAML"),
    ),
    "tabs": (
        experiment("  routes:\n", "\troutes:\n", "7 : a tab stands where YAML wants spaces"),
        experiment("    buy: 100/s", "\tbuy: 100/s", "8 : a tab stands where YAML wants spaces"),
        experiment("  - latency", "\t- latency", "19 : a tab stands where YAML wants spaces"),
        system("  web: {", "\tweb: {", "8 : a tab stands where YAML wants spaces"),
    ),
    "not a mapping": (
        experiment("", "", "1 : the file is empty"),
        experiment("", "# only a comment\n", "1 : the file is empty"),
        experiment("", "- a\n- list\n", "1 : the file is not a mapping"),
        system("", "just text\n", "1 : the file is not a mapping"),
        experiment("safety:\n", "---\nsafety:\n", "24 : the file holds a second document"),
    ),
    "duplicate keys": (
        experiment("title: Does it hold?\n", "title: a\ntitle: b\n", "2 title: the key stands twice, first in line 1"),
        experiment(
            "    look: 100/s\n",
            "    look: 100/s\n    buy: 1/s\n",
            "10 load.routes.buy: the key stands twice, first in line 8",
        ),
        experiment(
            "edge: web -> stock,",
            "edge: web -> stock, edge: web -> cache,",
            "19 method[0].latency.edge: the key stands twice",
        ),
        system("  stock: {}\n", "  stock: {}\n  web: {}\n", "10 services.web: the key stands twice, first in line 8"),
    ),
    "YAML that is not read": (
        experiment("tags: [small]", "tags: &all [small]", "3 tags: anchors are not read"),
        experiment("tags: [small]", "tags: *all", "3 tags: aliases are not read"),
        experiment("  hang: 3s\n", "  <<: {hang: 3s}\n", "11 load.<<: merge keys are not read"),
        experiment("system: tiny", "system: !!str tiny", "4 system: tags are not read"),
        system("body: {product: 7}", "body: {product: .nan}", "26 routes.buy.body.product: this number is not finite"),
        system("body: {product: 7}", "body: {[a]: 7}", "26 routes.buy.body: a key is not text"),
        system(
            "body: {product: 7}", r'body: {product: "\0"}', "26 routes.buy.body.product: a control character stands"
        ),
    ),
    "unknown keys": (
        experiment("tags:", "tag:", "3 tag: unknown key tag"),
        experiment("description:", "descripton:", "2 descripton: unknown key descripton"),
        experiment("  hang:", "  hang_s:", "11 load.hang_s: unknown key hang_s"),
        experiment("delay: 2s}", "delay: 2s, jiter: 1s}", "19 method[0].latency.jiter: unknown key jiter"),
        experiment("recovery: 14s}", "recovery: 14s, cooldown: 3s}", "12 phases.cooldown: unknown key cooldown"),
        experiment("{isolated: [buy]}", "{isolated: [buy], on: yes}", "21 expect.bulkhead.on: unknown key on"),
        system("  stock: {}", "  stock: {image: shop}", "9 services.stock.image: unknown key image"),
    ),
    "missing keys": (
        experiment("title: Does it hold?\n", "", "1 title: title is missing"),
        experiment(
            "  - latency: {edge: web -> stock, delay: 2s}\n",
            "  - latency: {edge: web -> stock}\n",
            "19 method[0].latency.delay: delay is missing",
        ),
        experiment("{route: look, good", "{good", "17 steady-state-hypothesis.probes[1].route: route is missing"),
        system("    request: POST /buy\n", "", "23 routes.buy.request: request is missing"),
        system("targets:\n  local: {demo: shop}\n", "", "1 targets: targets is missing"),
    ),
    "units": (
        experiment("buy: 100/s", "buy: 100", "8 load.routes.buy: buy cannot be read"),
        experiment("buy: 100/s", "buy: 0/s", "8 load.routes.buy: buy cannot be read"),
        experiment("hang: 3s", "hang: 3 sec", "11 load.hang: hang cannot be read"),
        experiment("warmup: 6s", "warmup: 6", "12 phases.warmup: warmup cannot be read"),
        experiment(
            '"> 97%"}\nmethod', '"> 0.97"}\nmethod', "17 steady-state-hypothesis.probes[1].good: good cannot be read"
        ),
        experiment('"< 250ms"', '"> 250ms"', "16 steady-state-hypothesis.probes[0].p95: p95 cannot be read"),
        experiment("delay: 2s", "delay: -2s", "19 method[0].latency.delay: delay cannot be read"),
        experiment("fault: 20s", "fault: 2026-11-20", "12 phases.fault: fault cannot be read"),
        system("zipf(1.0, 20)", "zipf(20)", "20 routes.look.keys: keys cannot be read"),
        system("query: 500ms", "query: 0.5", "30 origins.database.query: query cannot be read"),
    ),
    "wrong kinds": (
        experiment("title: Does it hold?", "title: 42", "1 title: title is of the wrong kind"),
        experiment("title: Does it hold?", "title: no", "1 title: title is of the wrong kind"),
        experiment("tags: [small]", "tags: small", "3 tags: tags is of the wrong kind"),
        experiment("tags: [small]", "tags:", "3 tags: tags is of the wrong kind"),
        experiment("tags: [small]", "tags: [1.5]", "3 tags[0]: tags[0] is of the wrong kind"),
        experiment(
            "phases: {warmup: 6s, baseline: 16s, fault: 20s, recovery: 14s}",
            "phases: 56s",
            "12 phases: phases is of the wrong kind",
        ),
        experiment("{within: 10s}", "10s", "23 expect.recovery: recovery is of the wrong kind"),
        system(
            "disposable: true", 'disposable: "yes"', "11 services.cache.disposable: disposable is of the wrong kind"
        ),
        system("  stock: {}", "  stock: []", "9 services.stock: stock is of the wrong kind"),
    ),
    "words that are not valid": (
        experiment("mode: record", "mode: recrod", "25 safety.abort.mode: mode is not a valid word"),
        experiment("  hang: 3s", "  arrivals: Poisson", "11 load.arrivals: arrivals is not a valid word"),
        system("kind: redis", "kind: memcached", "11 services.cache.kind: kind is not a valid word"),
        system("demo: shop", "demo: bank", "3 targets.local.demo: demo is not a valid word"),
        system(
            "  hardened: {breaker: true}", "  Hardened: {breaker: true}", "6 variants.Hardened: Hardened is not a name"
        ),
        system("GET /pulse", "FETCH /pulse", "28 routes.pulse.request: request cannot be read"),
    ),
    "the only item is broken": (
        experiment(
            _PROBES, '    - {route: buy, good: "99%"}\n', "16 steady-state-hypothesis.probes[0].good: good cannot"
        ),
        experiment(_PROBES, "    - 3\n", "16 steady-state-hypothesis.probes[0]: probes[0] is of the wrong kind"),
        experiment(_PROBES, "    []\n", "15 steady-state-hypothesis.probes: probes is empty"),
        experiment(
            "isolated: [buy]", "isolated: [3]", "21 expect.bulkhead.isolated[0]: isolated[0] is of the wrong kind"
        ),
        system("hard: [pulse]", "hard: [7]", "28 routes.pulse.hard[0]: hard[0] is of the wrong kind"),
        system(_SERVICES, "  A b: {}\n", "8 services.A b: A b is not a name"),
    ),
}
