"""Write down what Chaos Toolkit does, activity by activity, before and after each."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from chaoslib.run import RunEventHandler
from pydantic import JsonValue

from gameday.experiment.foreign import Section
from gameday.record.history import Event
from gameday.runner.foreign.book import Book
from gameday.runner.foreign.proofs import PROVES, is_met
from gameday.runner.foreign.remaining import kill_descendants, now_s
from gameday.runner.guard import LEAVE


class Recorder(RunEventHandler):  # type: ignore[misc]  # chaoslib publishes no types
    """
    Turns Chaos Toolkit's events into records.

    An activity does not say in which part of the experiment it stands, so the recorder follows the parts; those of the continuous
    hypothesis, and those of a method that was cut off, are known by their thread.

    Attributes:
        journal: Chaos Toolkit's journal, which survives an exception out of the run; None before the run began.
        configuration: As resolved; likewise ``secrets``.
        rolled_back: How many rollbacks were begun.
        is_running: Whether its values were read and its controls are ready: from here on it does something.
        unread: Which values of the configuration their probes could not find out; then nothing is done.
    """

    def __init__(self, book: Book) -> None:
        """Write to ``book``."""
        self.journal: Any = None
        self.configuration: Any = {}
        self.secrets: Any = {}
        self.rolled_back = 0
        self.is_running = False
        self.unread: tuple[str, ...] = ()
        self._book = book
        self._section: Section = "before"
        self._during: threading.Thread | None = None
        self._cut_off: frozenset[threading.Thread] = frozenset()
        self._since_s: dict[tuple[threading.Thread, int], float] = {}
        self._numbers: dict[tuple[threading.Thread, int], int] = {}

    def started(self, experiment: Any, journal: Any) -> None:  # noqa: ANN401, ARG002 - chaoslib's signature
        """Keep the journal."""
        self.journal = journal

    def running(  # noqa: PLR0917 - chaoslib's signature
        self,
        experiment: Any,  # noqa: ANN401 - chaoslib's signature
        journal: Any,  # noqa: ANN401, ARG002 - same
        configuration: Any,  # noqa: ANN401 - same
        secrets: Any,  # noqa: ANN401 - same
        schedule: Any,  # noqa: ANN401, ARG002 - same
        settings: Any,  # noqa: ANN401, ARG002 - same
    ) -> None:
        """
        Keep what the placeholders stand for, and hide every secret from now on.

        Raises:
            SystemExit: A value of the configuration could not be read. Chaos Toolkit would go on without it.
        """
        self.configuration, self.secrets = configuration, secrets
        self._book.scrubber.learn(texts(secrets))
        self.unread = tuple(str(key) for key in experiment.get("configuration") or {} if key not in configuration)
        if self.unread:
            raise SystemExit(LEAVE)
        self.is_running = True

    def start_continuous_hypothesis(self, frequency: int) -> None:  # noqa: ARG002 - chaoslib's signature
        """Remember the thread that evaluates it."""
        self._during = threading.current_thread()

    def continuous_hypothesis_iteration(self, iteration_index: int, state: Any) -> None:  # noqa: ANN401, ARG002 - same
        """Record one evaluation beside the method."""
        self._judged("during", state)

    def hypothesis_before_completed(self, experiment: Any, state: Any, journal: Any) -> None:  # noqa: ANN401, ARG002 - same
        """Record the gate's evaluation."""
        self._judged("before", state)

    def start_hypothesis_after(self, experiment: Any) -> None:  # noqa: ANN401, ARG002 - same
        """Enter the evaluation after the method."""
        self._section = "after"

    def hypothesis_after_completed(self, experiment: Any, state: Any, journal: Any) -> None:  # noqa: ANN401, ARG002 - same
        """Record the evaluation after the method."""
        self._judged("after", state)

    def start_method(self, experiment: Any) -> None:  # noqa: ANN401, ARG002 - same
        """Enter the method."""
        self._section = "method"

    def start_rollbacks(self, experiment: Any) -> None:  # noqa: ANN401, ARG002 - same
        """Enter the rollbacks, which must have the last word: end what activities that were cut off have started."""
        if self._section == "rollbacks":
            return
        self._section = "rollbacks"
        self._cut_off = frozenset(threading.enumerate()) - {threading.current_thread()}
        if begun := tuple(self._since_s.values()):
            kill_descendants(min(begun))

    def start_activity(self, activity: Any) -> None:  # noqa: ANN401 - same
        """
        Record it, on the disk before an action has its effect.

        Raises:
            SystemExit: It must not begin: the rollbacks are being played already, or it cannot be recorded. Chaos Toolkit passes over
                any ordinary exception of a handler.
        """
        section = self._where()
        if threading.current_thread() in self._cut_off:
            raise SystemExit(LEAVE)  # of the method, in the background, behind its pause
        if section == "rollbacks":
            self._numbers[_key(activity)] = self.rolled_back
            self.rolled_back += 1
        self._since_s[_key(activity)] = now_s()
        named = {**self._named(section, activity), "background": bool(activity.get("background"))}
        try:
            self._book.write(Event.ACTIVITY_STARTED, named, durable=activity.get("type") == "action")
        except OSError as error:
            if section != "rollbacks":
                raise SystemExit(LEAVE) from error

    def activity_completed(self, activity: Any, run: Any) -> None:  # noqa: ANN401 - same
        """Record how it ended; a tolerance is judged here, because Chaos Toolkit has none in a method and in rollbacks."""
        if "status" in run:  # else it was cut off
            self._since_s.pop(_key(activity), None)
        section, failed = self._where(), run.get("status") != "succeeded"
        met, error = (None, None)
        if failed:
            error = self._book.shown(last_line(run.get("exception")))
        elif PROVES in activity or (section in {"method", "rollbacks"} and "tolerance" in activity):
            met, error = self._met(activity, run)
        data = {
            **self._named(section, activity),
            "status": str(run.get("status") or "interrupted"),
            "seconds": round(float(run.get("duration") or 0.0), 6),
            "output": self._book.shown(run.get("output")),
            "error": error,
            "met": met,
            **_status(activity, run),
        }
        self._book.write(Event.ACTIVITY_ENDED, data)
        if PROVES in activity:
            proven: dict[str, JsonValue] = {"name": str(activity[PROVES]), "met": bool(met), "output": data["output"]}
            self._book.write(Event.ACTIVITY_PROVEN, {**proven, "error": error})

    def _met(self, activity: Mapping[str, Any], run: Mapping[str, Any]) -> tuple[bool, str | None]:
        """Return whether an output is within its activity's tolerance, and why that cannot be said where it cannot."""
        try:
            return is_met(activity.get("tolerance"), run["output"], self.configuration, self.secrets), None
        except Exception as raised:  # noqa: BLE001 - a tolerance that does not fit the value proves nothing
            return False, self._book.shown(f"its tolerance could not be evaluated: {raised!r}")

    def _judged(self, phase: Section, state: Any) -> None:  # noqa: ANN401 - chaoslib's dict
        if state is None:
            return
        probes: list[JsonValue] = [
            {
                "name": str(run["activity"].get("name")),
                "status": str(run.get("status")),
                "met": bool(run.get("tolerance_met")),
                "output": self._book.shown(run.get("output")),
            }
            for run in state.get("probes", ())
        ]
        data: dict[str, JsonValue] = {"phase": phase, "met": bool(state.get("steady_state_met")), "probes": probes}
        self._book.write(Event.HYPOTHESIS, data)

    def _named(self, section: Section, activity: Mapping[str, Any]) -> dict[str, JsonValue]:
        number = self._numbers.get(_key(activity)) if section == "rollbacks" else None
        named = {"section": section, "name": str(activity.get("name")), "kind": str(activity.get("type"))}
        return {**named, **({} if number is None else {"number": number})}

    def _where(self) -> Section:
        thread = threading.current_thread()
        if thread is self._during:
            return "during"
        return "method" if thread in self._cut_off else self._section


def _key(activity: Any) -> tuple[threading.Thread, int]:  # noqa: ANN401 - chaoslib's dict
    """Name one execution: the same activity may run in two threads at once."""
    return threading.current_thread(), id(activity)


def last_line(exception: object) -> str:
    """Return the last line of what Chaos Toolkit keeps of an exception, without its own exception around it."""
    lines = [str(line).strip() for line in exception] if isinstance(exception, list) else []
    last = next((line for line in reversed(lines) if line), "it did not succeed")
    return last.removeprefix("chaoslib.exceptions.ActivityFailed: ")


def texts(value: object) -> list[str]:
    """Return every text within a nested value."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [text for each in inner for text in texts(each)]


def _status(activity: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Return what a process left with, or what status a request was answered with: Chaos Toolkit judges neither."""
    output, kind = run.get("output"), (activity.get("provider") or {}).get("type")
    key = {"process": "code", "http": "answered"}.get(str(kind))
    return {key: output.get("status")} if key and isinstance(output, dict) else {}
