"""What a process is told of a system in a cluster."""

from __future__ import annotations

import pytest

from gameday.targets.kubernetes.site import read_site, site_of
from gameday.targets.protocol import TargetError
from samples import shop


def test_a_site_survives_its_line() -> None:
    """And is one line."""
    site = site_of(shop(), run="r1")
    assert read_site(site.to_line()) == site
    assert "\n" not in site.to_line()


def test_the_shops_site() -> None:
    """Defaults are filled in, and edges from outside are among the edges."""
    site = site_of(shop(), run="r1")
    assert (site.part("web").workload, site.part("web").port) == ("web", 8080)
    assert (site.part("cache").kind, site.part("cache").port) == ("redis", 6379)
    assert {"load -> web", "web -> payments"} <= set(site.edges)
    assert site.urls["web"] == "http://127.0.0.1:30080"


def test_an_unknown_service_is_refused_with_those_there_are() -> None:
    """By name."""
    with pytest.raises(TargetError, match="no service 'wep'; the system has: web, "):
        site_of(shop(), run="r1").part("wep")
