"""The mechanisms that can be switched while the shop runs."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

SPREAD = "two-replicas"
"""The mechanism that lets every replica serve, by its name in system files."""


class ToggleError(Exception):
    """Toggles that cannot be set; ``problems`` has one sentence for each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Carry every problem."""
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Toggles:
    """
    Each mechanism on or off.

    Attributes:
        pool_per_dependency: A pool for each dependency and each kind of query, instead of one for all calls and one for all queries.
        deadlines: A total timeout on every call, and the time left passed on to the callee.
        breaker: A circuit breaker on each dependency, with a fallback where there is one.
        load_shedding: Bounded queues: who finds one full gets 503 at once.
        single_flight: One query serves everybody who waits for the same product, across replicas.
        jittered_expiry: Cached products expire at different times.
        two_replicas: Both processes of web serve, and one that is not ready gets no connections; it is the node's to do.
        own_image_process: Images are made by a process of their own with a bounded queue, instead of within web.
        retry_budget: One retry after a jittered pause while a budget allows it, instead of what client libraries do.
        jittered_reconnect: Lost connections to the database are replaced a few at a time after jittered pauses.
    """

    pool_per_dependency: bool = True
    deadlines: bool = True
    breaker: bool = True
    load_shedding: bool = True
    single_flight: bool = True
    jittered_expiry: bool = True
    two_replicas: bool = True
    own_image_process: bool = True
    retry_budget: bool = True
    jittered_reconnect: bool = True

    def to_json(self) -> dict[str, bool]:
        """Write them as files and the control route name them."""
        return {_name(key): value for key, value in asdict(self).items()}

    def changed(self, values: Mapping[str, object]) -> Toggles:
        """
        Return these with some changed.

        Args:
            values: By name as the files write it (``single-flight``).

        Raises:
            ToggleError: A name is unknown or a value is no boolean; nothing is changed then.
        """
        known = [_name(field.name) for field in fields(self)]
        problems = []
        for name, value in values.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"valid: {', '.join(known)}"
                problems.append(f"{name}: unknown; {hint}")
            elif not isinstance(value, bool):
                problems.append(f"{name}: {value!r}; valid: true, false")
        if problems:
            raise ToggleError(tuple(problems))
        return replace(self, **{name.replace("-", "_"): bool(value) for name, value in values.items()})


def _name(field_name: str) -> str:
    return field_name.replace("_", "-")


class Switches:
    """Holds the toggles of a running service."""

    def __init__(self, current: Toggles) -> None:
        """Start with these."""
        self.current = current
