"""What the kernel is told, as text."""

from __future__ import annotations

from gameday.agent.pod.table import Entry, elements, layout

IN = Entry(8080)
OUT = Entry(6379, ("10.96.0.7", "10.244.1.5"))


def test_every_element_has_a_timeout_and_nothing_else_stays() -> None:
    """A renewal is one transaction that names all that is led."""
    assert elements([IN, OUT]).splitlines() == [
        "flush set inet gameday in",
        "flush set inet gameday out",
        "add element inet gameday in { 8080 timeout 5s }",
        "add element inet gameday out { 10.244.1.5 . 6379 timeout 5s, 10.96.0.7 . 6379 timeout 5s }",
    ]


def test_without_an_open_way_nothing_is_led() -> None:
    """The sets are empty; connections that are here keep their translation."""
    assert elements([]).splitlines() == ["flush set inet gameday in", "flush set inet gameday out"]


def test_the_kubelet_is_spared_before_anything_is_led() -> None:
    """On each port that is led."""
    rules = [line for line in layout([IN, OUT], spared="10.244.1.1").splitlines() if line.startswith("add rule")]
    coming = [rule.removeprefix("add rule inet gameday prerouting ") for rule in rules if "prerouting" in rule]
    assert coming == [
        'iifname "lo" return',
        "meta nfproto != ipv4 return",
        "ip saddr 10.244.1.1 tcp dport 8080 counter name spared_8080 return",
        "tcp dport @in redirect to :15001",
    ]


def test_without_a_gateway_nobody_is_spared() -> None:
    """There is no node that could ask."""
    assert "saddr" not in layout([IN], spared=None)


def test_the_proxys_own_connections_are_never_led_to_it() -> None:
    """Its mark is looked at first."""
    rules = [
        line for line in layout([OUT], spared=None).splitlines() if line.startswith("add rule inet gameday output")
    ]
    assert rules[0].endswith("meta mark 0x6d return")
