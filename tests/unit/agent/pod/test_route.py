"""The kubelet's address is the default route's gateway."""

from __future__ import annotations

from gameday.agent.pod.route import gateway

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DEFAULT = "eth0\t00000000\t0101F40A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
DIRECT = "eth0\t0001F40A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"


def test_it_is_read_from_the_default_route() -> None:
    """Whichever line that is on; numbers are in the machine's byte order."""
    assert gateway(HEAD + DIRECT + DEFAULT) == "10.244.1.1"


def test_without_a_default_route_there_is_none() -> None:
    """A route without a gateway is none."""
    assert gateway(HEAD + DIRECT) is None
    assert gateway(HEAD) is None
