"""A control: it notes every activity in the configuration, and adds its notes to the journal."""

from __future__ import annotations

from typing import Any

_seen: list[str] = []


def configure_control(**_: Any) -> None:  # noqa: ANN401 - Chaos Toolkit's signature
    """Begin with nothing."""
    _seen.clear()


def before_activity_control(context: dict[str, Any], **_: Any) -> None:  # noqa: ANN401 - same
    """Note what begins."""
    _seen.append(f"before {context['name']}")


def after_activity_control(
    context: dict[str, Any],
    state: dict[str, Any],
    configuration: dict[str, Any],
    **_: Any,  # noqa: ANN401 - same
) -> None:
    """Note what ended, and pass its output on to the next activity."""
    _seen.append(f"after {context['name']}")
    configuration["last"] = state["output"]


def after_experiment_control(context: dict[str, Any], state: dict[str, Any], **_: Any) -> None:  # noqa: ANN401, ARG001 - same
    """Leave the notes in the journal."""
    state["seen"] = list(_seen)
