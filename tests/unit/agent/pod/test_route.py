"""The kubelet's address is the default route's gateway."""

from __future__ import annotations

from gameday.agent.pod.route import gateway, gateway6

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DEFAULT = "eth0\t00000000\t0101F40A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
DIRECT = "eth0\t0001F40A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"


def test_it_is_read_from_the_default_route() -> None:
    """Whichever line that is on; numbers are in the machine's byte order."""
    assert gateway(HEAD + DIRECT + DEFAULT) == "10.244.1.1"


def test_that_of_ipv6_is_read_too() -> None:
    """Its numbers are in the order of the network; the kernel's own routes of loopback have no gateway."""
    zero, loopback = "0" * 32, "0" * 31 + "1"
    own = f"{loopback} 80 {zero} 00 {zero} 00000000 00000004 00000000 80200001       lo\n"
    refused = f"{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo\n"
    default = f"{zero} 00 {zero} 00 fd00001000000000000000000000000a 00000400 00000001 00000000 00000003     eth0\n"
    assert gateway6(own + refused) is None
    assert gateway6(own + default + refused) == "fd00:10::a"


def test_without_a_default_route_there_is_none() -> None:
    """A route without a gateway is none."""
    assert gateway(HEAD + DIRECT) is None
    assert gateway(HEAD) is None
