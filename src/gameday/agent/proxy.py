"""
Stand in front of one service as a process of its own: one listener per caller, all leading to the service's replicas.

Run as ``python -m gameday.agent.proxy``. Talks JSON lines. The first line on standard input is its configuration::

    {"seed": 7, "endpoints": [["127.0.0.1", 8081]], "edges": {"web -> cache": ["127.0.0.1", 9001]}}

answered by ``{"ready": true}`` once every listener is open. Each further line is a request, ``{"id": 1, "op": "delay", "edge": "web -> cache",
"delay_s": 2.0, "jitter_s": 0.1, "lease_s": 5.0}``, ``blackhole``, ``answer``, ``heal``, ``endpoints``, ``canary`` (one is about to be sent) or ``state``; its answer
carries the ``id`` and either the edge's state or an ``error``. End of input ends the process. Only the standard library is imported,
because seven of these start at once.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gameday.agent.answering import Rule
from gameday.agent.edge import Address, Edge
from gameday.agent.resources import ACCEPTED_AT_ONCE, SHORTAGES, raise_open_files, widen
from gameday.agent.splice import CallerSide


@dataclass(frozen=True, slots=True)
class Configuration:
    """Where a proxy listens, by edge, and where it leads to."""

    seed: int
    endpoints: tuple[Address, ...]
    edges: tuple[tuple[str, Address], ...]


def read_configuration(line: str) -> Configuration:
    """Read the first line of input. Raises ``ValueError`` or ``KeyError``."""
    value = json.loads(line)
    return Configuration(
        seed=int(value["seed"]),
        endpoints=_addresses(value["endpoints"]),
        edges=tuple((str(name), (str(host), int(port))) for name, (host, port) in value["edges"].items()),
    )


def _addresses(pairs: Iterable[tuple[str, int]]) -> tuple[Address, ...]:
    return tuple((str(host), int(port)) for host, port in pairs)


class Control:
    """Answers requests about the edges of one proxy."""

    def __init__(self, edges: dict[str, Edge]) -> None:
        """Answer for these."""
        self._edges = edges

    def answer(self, line: str) -> str:
        """Do what a request asks and return its answer; a bad request gets an ``error``, never an end."""
        request_id: object = None
        try:
            request = json.loads(line)
            request_id = request.get("id")
            edge = self._edges[request["edge"]]
            act(edge, request)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return json.dumps({"id": request_id, "error": f"{type(error).__name__}: {error}"})
        return json.dumps({"id": request_id, **state_of(edge)})


def act(edge: Edge, request: Mapping[str, Any]) -> None:
    """Do what a request asks of an edge. Raises ``ValueError``, ``KeyError`` or ``TypeError`` for one that cannot be read."""
    match request["op"]:
        case "delay":
            edge.delay(float(request["delay_s"]), float(request["jitter_s"]), lease_s=float(request["lease_s"]))
        case "blackhole":
            edge.blackhole(lease_s=float(request["lease_s"]))
        case "answer":
            rule = Rule(str(request["path"]), int(request["status"]), float(request["share"]))
            edge.answer(rule, lease_s=float(request["lease_s"]))
        case "heal":
            edge.heal()
        case "endpoints":
            edge.lead_to(_addresses(request["endpoints"]))
        case "canary":
            edge.count_canary()
        case "state":
            pass
        case other:
            raise ValueError(f"op {other!r}; valid: delay, blackhole, answer, heal, endpoints, canary, state")


def state_of(edge: Edge) -> dict[str, object]:
    """Write down what an edge does now and has done, and what this process ran short of, as its answers carry it."""
    return {
        "edge": edge.name,
        "delay_s": edge.delay_s[0] if edge.delay_s else None,
        "jitter_s": edge.delay_s[1] if edge.delay_s else None,
        "blackholed": edge.blackholed,
        "rule": asdict(edge.rule) if edge.rule else None,
        "requests": edge.requests,
        "matched": edge.matched,
        "answered": edge.answered,
        "attempts": edge.attempts,
        "live": len(edge.live),
        "connections": edge.connections,
        "delayed": edge.delayed,
        "sent_bytes": edge.sent_bytes,
        "received_bytes": edge.received_bytes,
        "shortages": SHORTAGES.state(),
    }


async def serve(configuration: Configuration, lines: asyncio.StreamReader) -> None:
    """Open the listeners, say so, and answer requests until the input ends."""
    loop = asyncio.get_running_loop()
    edges: dict[str, Edge] = {}
    for number, (name, (host, port)) in enumerate(configuration.edges):
        edge = edges[name] = Edge(name, configuration.endpoints, seed=configuration.seed + number)
        server = await loop.create_server(lambda edge=edge: CallerSide(edge), host, port, backlog=ACCEPTED_AT_ONCE)  # type: ignore[misc]
        SHORTAGES.watch(widen(server))
    control = Control(edges)
    _say(json.dumps({"ready": True}))
    while line := await lines.readline():
        _say(control.answer(line.decode()))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _main() -> None:
    loop = asyncio.get_running_loop()
    raise_open_files()
    SHORTAGES.follow(loop)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    configuration = read_configuration((await lines.readline()).decode())
    serving = asyncio.ensure_future(serve(configuration, lines))
    loop.add_signal_handler(signal.SIGTERM, serving.cancel)
    await asyncio.wait([serving])


if __name__ == "__main__":
    asyncio.run(_main())
