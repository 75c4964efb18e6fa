"""Only clusters of kind's, and those that somebody named, are touched."""

from __future__ import annotations

import pytest

from gameday.experiment.model import KindTarget
from gameday.targets.claim import ClaimError
from gameday.targets.kubernetes.guard import allowing, see_allowed


def target(context: str, *, allow: bool = False) -> KindTarget:
    """Return what a system file may say."""
    return KindTarget(context=context, namespace="shop", url="http://127.0.0.1:30080", allow=allow)


def test_a_context_of_kind_s_needs_no_word() -> None:
    """Nobody serves customers from one."""
    see_allowed(target("kind-gameday"))


@pytest.mark.parametrize("context", ["production", "my-kind-cluster", "Kind-gameday", "kind"])
def test_any_other_is_refused_with_how_to_allow_it(context: str) -> None:
    """The name must begin so; looking like it does not do."""
    with pytest.raises(ClaimError, match=f"--allow-context {context}"):
        see_allowed(target(context))


def test_the_system_file_may_allow_it() -> None:
    """Under the context itself, so that another one is not meant."""
    see_allowed(target("production", allow=True))


def test_the_command_line_allows_the_one_that_it_names() -> None:
    """And what it allows travels with the plan."""
    see_allowed(allowing(target("production"), "production"))


def test_the_command_line_allows_no_other_than_it_names() -> None:
    """Who means one cluster must not touch another."""
    with pytest.raises(ClaimError, match="staging"):
        allowing(target("production"), "staging")


def test_without_the_flag_nothing_changes() -> None:
    """What the file says holds."""
    assert allowing(target("production"), None) == target("production")
