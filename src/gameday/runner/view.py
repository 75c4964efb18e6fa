"""What a run shows while it goes on; the console implements it, tests record it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RouteLine:
    """One route in the last second: rates per second; ``p95_s`` of the last seconds, None while there is too little."""

    route: str
    offered_per_s: float
    goodput_per_s: float
    p95_s: float | None
    rejected_per_s: float
    hung: int


class View(Protocol):
    """Somebody watching a run."""

    def step(self, text: str) -> None:
        """Show a step of the set-up or the clean-up."""
        ...

    def phase(self, name: str, start_s: float, end_s: float) -> None:
        """Show that a phase began; times are on the load's clock."""
        ...

    def tick(self, t_s: float, routes: Sequence[RouteLine], in_flight: int) -> None:
        """Show the load's present figures."""
        ...

    def notice(self, text: str) -> None:
        """Show that something happened: a fault injected, confirmed, undone, an abort."""
        ...

    def close(self) -> None:
        """Take the live view off the screen; idempotent."""
        ...


class Unbroken:
    """A view to which a signal's handler may speak as well: what it says in the middle of a word is said after that word."""

    def __init__(self, view: View) -> None:
        """Speak to ``view``, from one thread."""
        self._view = view
        self._words: deque[Callable[[], None]] = deque()
        self._speaking = False

    def step(self, text: str) -> None:
        """Show a step."""
        self._say(lambda: self._view.step(text))

    def phase(self, name: str, start_s: float, end_s: float) -> None:
        """Show that a phase began."""
        self._say(lambda: self._view.phase(name, start_s, end_s))

    def tick(self, t_s: float, routes: Sequence[RouteLine], in_flight: int) -> None:
        """Show the load's present figures."""
        self._say(lambda: self._view.tick(t_s, routes, in_flight))

    def notice(self, text: str) -> None:
        """Show that something happened."""
        self._say(lambda: self._view.notice(text))

    def close(self) -> None:
        """Take the live view off the screen."""
        self._say(self._view.close)

    def _say(self, word: Callable[[], None]) -> None:
        self._words.append(word)
        while self._words and not self._speaking:  # again: a word may come just before the last line
            self._speaking = True
            try:
                while self._words:
                    self._words.popleft()()
            finally:
                self._speaking = False
