"""What the kernel is told, as text."""

from __future__ import annotations

from gameday.agent.pod.table import Entry, elements, layout

IN = Entry(ports=(8080,))
OUT = Entry(destinations=(("10.96.0.7", 80), ("10.244.1.5", 6379), ("fd00::7", 80)))


def rules(text: str, chain: str) -> list[str]:
    """Return a chain's rules in their order."""
    head = f"add rule inet gameday {chain} "
    return [line.removeprefix(head) for line in text.splitlines() if line.startswith(head)]


def test_every_element_has_a_timeout_and_nothing_else_stays() -> None:
    """A renewal is one transaction that names all that is led."""
    assert elements([IN, OUT]).splitlines() == [
        "flush set inet gameday in",
        "flush set inet gameday out",
        "flush set inet gameday out6",
        "add element inet gameday in { 8080 timeout 5s }",
        "add element inet gameday out { 10.244.1.5 . 6379 timeout 5s, 10.96.0.7 . 80 timeout 5s }",
        "add element inet gameday out6 { fd00::7 . 80 timeout 5s }",
    ]


def test_without_an_open_way_nothing_is_led() -> None:
    """The sets are empty; connections that are here keep their translation."""
    assert [line.split()[0] for line in elements([]).splitlines()] == ["flush"] * 3


def test_the_kubelet_is_spared_before_anything_is_led() -> None:
    """On each port that is led."""
    assert rules(layout([IN, OUT], proxy_port=4711, spared=["10.244.1.1", "fd00::1"]), "prerouting") == [
        'iifname "lo" return',
        "ip saddr 10.244.1.1 tcp dport 8080 counter name spared_8080 return",
        "ip6 saddr fd00::1 tcp dport 8080 counter name spared_8080 return",
        "tcp dport @in redirect to :4711",
    ]


def test_without_a_gateway_nobody_is_spared() -> None:
    """There is no node that could ask."""
    assert "saddr" not in layout([IN], proxy_port=4711, spared=[])


def test_the_proxys_own_connections_are_never_led_to_it() -> None:
    """Its mark is looked at first."""
    assert rules(layout([OUT], proxy_port=4711, spared=[]), "output")[0] == "meta mark 0x6d return"
