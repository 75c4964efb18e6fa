"""Draft the first system file and experiment for a namespace, from what was seen in it: pure text; what is guessed says so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gameday.experiment.declared import NAME_PATTERN
from gameday.experiment.draft import RATE_PER_S
from gameday.experiment.writing import per_second

STORES = ("redis", "postgres")
FORWARDED = 8080
"""The first port of this machine that a port-forward is suggested to take."""
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
"""What YAML 1.1 takes for something else than text."""


@dataclass(frozen=True, slots=True)
class Seen:
    """
    One workload of a namespace, as far as it could be seen.

    Attributes:
        workload: The name of the Deployment or StatefulSet; ``of`` says which of both it is.
        kind: ``http``, ``redis`` or ``postgres``.
        why: From what the kind was concluded.
        port: Where its pods listen; None when nothing says so.
        path: What its readiness probe asks for; None without an HTTP probe.
        metrics: The path of its Prometheus page, by its annotations; ``metrics_port`` where that is not ``port``.
        password: Secret and key of a store's password.
        calls: Workloads whose Services its environment names.
        url: Where requests from this machine may enter; None when its Services lead nowhere outside.
        tls: All its Services' ports speak TLS, which the load does not.
        warnings: What it lacks or what is wrong with it now, a sentence each.
    """

    workload: str
    replicas: int
    kind: str
    why: str
    port: int | None
    path: str | None = None
    metrics: str | None = None
    password: tuple[str, str] | None = None
    calls: tuple[str, ...] = ()
    url: str | None = None
    of: Literal["deployment", "statefulset"] = "deployment"
    metrics_port: int | None = None
    tls: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return its name in the system file, which begins with a letter."""
        return lettered(self.workload)


@dataclass(frozen=True, slots=True)
class Survey:
    """What was seen in a namespace, in alphabetical order of the workloads; ``unseen`` says what the drafts leave out."""

    context: str
    namespace: str
    workloads: tuple[Seen, ...]
    unseen: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the system's name."""
        return lettered(self.namespace)

    def entries(self) -> tuple[Seen, ...]:
        """
        Return where users enter: what can be reached from outside, else what nobody calls, else everything that speaks HTTP.

        Of several workloads behind one address, the one with most replicas: a request cannot choose between them.
        """
        http = tuple(each for each in self.workloads if each.kind == "http")
        called = {name for each in self.workloads for name in each.calls}
        by_url: dict[str, Seen] = {}
        for each in http:
            if each.url and (each.url not in by_url or each.replicas > by_url[each.url].replicas):
                by_url[each.url] = each
        plain = tuple(each for each in http if not each.tls) or http
        return tuple(by_url.values()) or tuple(each for each in plain if each.workload not in called) or plain

    def url_of(self, entry: Seen) -> str:
        """Return where requests enter; a place that a port-forward makes, where nothing else leads in."""
        return entry.url or f"http://127.0.0.1:{self.local_port(entry)}"

    def local_port(self, entry: Seen) -> int:
        """Return the port of this machine that a port-forward to an entry takes: each entry has its own."""
        return FORWARDED + [each.workload for each in self.entries() if each.url is None].index(entry.workload)


def lettered(name: str) -> str:
    """Turn a name of Kubernetes into one of gameday's, which YAML takes for text."""
    fits = re.fullmatch(NAME_PATTERN, name) is not None and name not in _WORDS
    return name if fits else "s-" + re.sub(r"[^a-z0-9-]", "-", name.lower())


def system_file(survey: Survey) -> str:
    """Write the system file. The survey must have an entry."""
    entries = survey.entries()
    urls = ", ".join(f'{each.name}: "{survey.url_of(each)}"' for each in entries)
    names = {each.workload: each.name for each in survey.workloads}
    edges = [f"  - {each.name} -> {names[callee]}" for each in survey.workloads for callee in each.calls]
    lines = (
        f"# A first draft, from what gameday init saw in the namespace {survey.namespace}. What was guessed says so: put it right.",
        f"name: {survey.name}",
        "targets:",
        "  kind:",
        f"    context: {_scalar(survey.context)}",
        f"    namespace: {_scalar(survey.namespace)}",
        *(
            ["    allow: true                        # its name does not begin with kind-; you allowed it by name"]
            * _foreign(survey)
        ),
        _with(f"    url: {{{urls}}}", "where requests from this machine enter"),
        *_forwards(survey),
        "",
        "services:",
        *(line for each in survey.workloads for line in _service(each)),
        "",
        *(
            [
                _with("dependencies:", "guessed: whose name stands in whose environment; add what is missing"),
                *edges,
                "",
            ]
            if edges
            else ["# dependencies: nobody's environment names another; add them as a list of CALLER -> CALLEE", ""]
        ),
        _with("routes:", "guessed: what the readiness probe asks for; better: what users ask for"),
        *(line for each in entries for line in _route(survey, each)),
    )
    return "\n".join(lines) + "\n"


def experiment_file(survey: Survey) -> str:
    """Write the first experiment: the death of a replica where another is left, else a slow dependency, else a slow service."""
    entry = next((each for each in survey.entries() if each.replicas > 1), survey.entries()[0])
    callee = next((each.name for each in survey.workloads if each.workload in entry.calls), None)
    phases = "warmup: 6s, baseline: 16s, fault: 20s, recovery: 14s"
    if entry.replicas > 1:
        phases = "warmup: 4s, baseline: 12s, fault: 12s, recovery: 13s"
        title = f"Does a replica of {entry.name} that is killed take requests with it?"
        fault, expected = f"kill: {{service: {entry.name}, replicas: one}}", _outage(entry)
    else:
        where = f"edge: {entry.name} -> {callee}" if callee else f"service: {entry.name}"
        title = f"What do users notice when {callee or entry.name} is slow?"
        fault, expected = f"latency: {{{where}, delay: 300ms}}", _backpressure(entry)
    probe = f'    - {{route: {entry.name}, p95: "< 250ms", good: "> 97%"}}'
    lines = (
        f"# A first draft. Change it to your question, then: gameday plan {name_of_experiment(survey)} --target kind",
        f"title: {title}",
        "description: A first draft. Say here in a sentence what must hold, and for whom.",
        "tags: [draft]",
        f"system: {survey.name}",
        "",
        _with("load:", "so many requests, whatever the answers do"),
        f"  routes: {{{entry.name}: {per_second(RATE_PER_S)}}}",
        "",
        f"phases: {{{phases}}}",
        "",
        _with("steady-state-hypothesis:", "what is normal: must hold before the fault, and again after it"),
        "  title: Users are served",
        "  probes:",
        _with(probe, "guessed: what users accept"),
        "",
        "method:",
        f"  - {fault}",
        "",
        _with("expect:", "what is judged while the fault is on, and after"),
        expected,
        "  recovery: {within: 10s}",
    )
    return "\n".join(lines) + "\n"


def name_of_experiment(survey: Survey) -> str:
    """Return the name of the first experiment: its file's stem."""
    return f"{survey.name}-first"


def remarks(survey: Survey) -> tuple[str, ...]:
    """Return what was seen and what must be done before a run, one sentence each."""
    return (
        *(_told(each) for each in survey.workloads),
        *(
            f"{each.name}: nothing leads to it from here. {_forward(survey, each)}, or a Service of type NodePort"
            for each in survey.entries()
            if each.url is None
        ),
        *(
            f"{each.name}: no readiness probe over HTTP, so GET / was guessed"
            for each in survey.entries()
            if each.path is None
        ),
        *(
            f"{each.name}: its Services' ports speak TLS, and the load speaks plain HTTP: name a port that does in {each.name}'s url"
            for each in survey.workloads
            if each.tls and each.kind == "http"
        ),
        *(
            f"{each.name}: answers at {each.url} as well, together with {other.name}, which stands for both as the entry"
            for each in survey.workloads
            for other in survey.entries()
            if each.url == other.url is not None and each != other
        ),
        *(f"{each.name}: {warning}" for each in survey.workloads for warning in each.warnings),
        *survey.unseen,
    )


def _told(each: Seen) -> str:
    pods = f"{each.replicas} replica{'' if each.replicas == 1 else 's'}"
    port = f"port {each.port}" if each.port else "no port declared"
    calls = f", calls {', '.join(map(lettered, each.calls))}" if each.calls else ""
    return f"{each.name}: {each.kind} ({each.why}), {pods}, {port}{calls}" + (
        f", from outside {each.url}" * bool(each.url)
    )


def _with(text: str, comment: str) -> str:
    return f"{text:<38} # {comment}"


def _is_plain(text: str) -> bool:
    """Return whether YAML reads a text as it stands, in a flow too: no number, no truth, none of its marks."""
    return re.fullmatch(r"[A-Za-z/][A-Za-z0-9._/@-]*", text) is not None and text.lower() not in _WORDS


def _scalar(text: str) -> str:
    """Write a text as YAML reads it."""
    return text if _is_plain(text) else json.dumps(text)


def _foreign(survey: Survey) -> bool:
    return not survey.context.startswith("kind-")


def _forward(survey: Survey, entry: Seen) -> str:
    to = f"{entry.of}/{entry.workload} {survey.local_port(entry)}:{entry.port or 8080}"
    return f"kubectl --context {survey.context} -n {survey.namespace} port-forward {to} (leads to one pod only)"


def _forwards(survey: Survey) -> Iterator[str]:
    for each in survey.entries():
        if each.url is None:
            yield f"    # {each.name}: nothing leads there yet. {_forward(survey, each)}"


def _service(each: Seen) -> Iterator[str]:
    keys = {
        "kind": each.kind if each.kind in STORES else None,
        "deployment": _scalar(each.workload) if each.workload != each.name else None,
        "port": each.port,
        "metrics": _scalar(each.metrics) if each.metrics else None,
        "metrics-port": each.metrics_port if each.metrics else None,
        "password": f"{{secret: {_scalar(each.password[0])}, key: {_scalar(each.password[1])}}}"
        if each.password
        else None,
    }
    told = ", ".join(f"{key}: {value}" for key, value in keys.items() if value is not None)
    yield _with(f"  {each.name}: {{{told}}}", f"{each.kind}: {each.why}" + ("" if each.port else "; port unknown"))


def _route(survey: Survey, entry: Seen) -> Iterator[str]:
    names = {each.workload: each.name for each in survey.workloads}
    yield f"  {entry.name}:"
    path = entry.path or "/"
    yield f"    request: GET {path}" if _is_plain(path) else f"    request: {json.dumps(f'GET {path}')}"
    yield _with("    deadline: 1s", "guessed: what a user accepts")
    yield _with(f"    hard: [{entry.name}]", "cannot be answered well without")
    if entry.calls:
        yield _with(
            f"    soft: [{', '.join(names[each] for each in entry.calls)}]", "guessed: must be answered without"
        )


def _outage(entry: Seen) -> str:
    return _with(f'  outage: {{routes: [{entry.name}], lost: "< 1s"}}', "as much as an outage of a second")


def _backpressure(entry: Seen) -> str:
    return _with(f"  backpressure: {{routes: [{entry.name}]}}", "must be good, or refuse fast")
