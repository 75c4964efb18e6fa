"""Queueing theory's own answers, against which the simulator is checked."""

from __future__ import annotations

import math


def erlang_b(servers: int, offered: float) -> float:
    """Return the share of arrivals that find all servers busy and leave. Source: Erlang B, by recursion."""
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = offered * blocked / (count + offered * blocked)
    return blocked


def erlang_c(servers: int, offered: float) -> float:
    """Return the share of arrivals that must wait. Source: Erlang C."""
    blocked = erlang_b(servers, offered)
    return servers * blocked / (servers - offered * (1 - blocked))


def mm1_quantile_s(rate_per_s: float, service_per_s: float, q: float) -> float:
    """Return a quantile of the time in an M/M/1 system. Source: it is exponential with rate mu - lambda."""
    return -math.log(1 - q) / (service_per_s - rate_per_s)


def mmck_loss(rate_per_s: float, service_per_s: float, servers: int, places: int) -> float:
    """Return the share that M/M/c/K refuses. Source: its product form."""
    offered = rate_per_s / service_per_s
    weights = [
        offered**n / math.factorial(n)
        if n <= servers
        else offered**servers / math.factorial(servers) * (offered / servers) ** (n - servers)
        for n in range(places + 1)
    ]
    return weights[places] / sum(weights)
