"""Build the bytes of a request. Pure."""

from __future__ import annotations

from gameday.load.schedule import Arrival
from gameday.load.trace import request_id, traceparent
from gameday.load.wire import RouteSpec


class Template:
    """
    One route's request, built once but for what changes from arrival to arrival.

    No header asks for compression, and none for ``100-continue``: a request is sent in one piece.
    """

    def __init__(self, spec: RouteSpec, *, seed: int) -> None:
        """Build the constant parts."""
        self._route, self._seed, self._deadline_s = spec.name, seed, spec.deadline_s
        self._before, *after = spec.target.split("{id}")
        self._after = tuple(after)
        body = b"" if spec.body is None else spec.body.encode()
        fields = {"host": f"Host: {_host(spec)}", "user-agent": "User-Agent: gameday", "accept": "Accept: */*"}
        if spec.body is not None:
            fields["content-type"] = "Content-Type: application/json"
        fields |= {name.lower(): f"{name}: {value}" for name, value in spec.headers}
        if body or spec.method in ("POST", "PUT"):
            fields["content-length"] = f"Content-Length: {len(body)}"
        self._method = spec.method
        self._fields = "\r\n".join(fields.values())
        self._body = body

    def render(self, arrival: Arrival, lag_s: float) -> bytes:
        """Write the request of an arrival that is sent ``lag_s`` after its time; the server learns what is left of the deadline."""
        key = str(arrival.key)
        target = self._before + "".join(key + part for part in self._after)
        left_ms = max(0, int((self._deadline_s - lag_s) * 1000))
        head = (
            f"{self._method} {target} HTTP/1.1\r\n{self._fields}\r\n"
            f"traceparent: {traceparent(self._seed, self._route, arrival.seq)}\r\n"
            f"X-Request-Id: {request_id(self._route, arrival.seq)}\r\nX-Deadline-Ms: {left_ms}\r\n\r\n"
        )
        return head.encode("latin-1") + self._body


def _host(spec: RouteSpec) -> str:
    host = f"[{spec.host}]" if ":" in spec.host else spec.host
    return host if spec.port == 80 else f"{host}:{spec.port}"
