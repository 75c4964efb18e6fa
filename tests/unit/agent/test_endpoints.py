"""Connections go to a service's replicas in turn, and to whichever there are now."""

from __future__ import annotations

import json

from gameday.agent.edge import Edge
from gameday.agent.proxy import Control

ONE, TWO, THREE = (("127.0.0.1", port) for port in (1, 2, 3))


def test_every_connection_begins_with_another_replica_and_tries_all() -> None:
    """As kube-proxy does, but for the chance: here it is taking turns."""
    edge = Edge("load -> web", [ONE, TWO], seed=1)
    assert [edge.next_endpoints() for _ in range(3)] == [(ONE, TWO), (TWO, ONE), (ONE, TWO)]


def test_a_proxy_is_told_where_to_lead() -> None:
    """An empty list says nothing about where else to go, and changes nothing."""
    edge = Edge("load -> web", [ONE, TWO], seed=1)
    control = Control({edge.name: edge})
    asked = {"id": 1, "op": "endpoints", "edge": edge.name}
    assert "error" not in json.loads(control.answer(json.dumps({**asked, "endpoints": [THREE]})))
    assert edge.next_endpoints() == (THREE,)
    assert "error" not in json.loads(control.answer(json.dumps({**asked, "endpoints": []})))
    assert edge.next_endpoints() == (THREE,)
    assert "error" in json.loads(control.answer(json.dumps(asked)))
