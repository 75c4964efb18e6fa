"""One fault of an episode, from its preparation to its healing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from pydantic import JsonValue

from gameday.experiment.catalogue import PlannedFault
from gameday.experiment.course import intensity, next_change_s, scaled
from gameday.faults.place import LEASE_S
from gameday.faults.protocol import Data, Fault, Proof
from gameday.record.history import Event, History, Record
from gameday.runner.env import Env
from gameday.targets.protocol import Target, TargetError

_UNREAD: dict[str, JsonValue] = {"text": "nothing could be read of it before the fault phase was over"}


_LOOK_S, _LOOKS = 0.01, 30
"""How long an undo is waited for, so that the record of it has its time: most take milliseconds."""


class _State(Enum):
    PREPARED = "prepared"
    ON = "on"
    UNDONE = "undone"
    VERIFIED = "verified"


@dataclass(slots=True)
class Held:
    """
    A fault and what is known of its effect so far.

    Attributes:
        record: Its ``fault.intended`` record, with all that its undo needs.
        proof: What the last look at the full dose showed.
    """

    record: Record
    fault: Fault
    planned: PlannedFault
    target: Target
    history: History
    proof: Proof | None = None
    _state: _State = _State.PREPARED
    _injected: Data = field(default_factory=dict)
    _stretch: int = 0  # how often the full dose has begun
    _full: bool = False
    _confirmed: bool = False
    _spoken: bool = False
    _told: tuple[Event, dict[str, JsonValue]] | None = None  # how the undo went, until it is recorded
    _gone: bool = False  # it was undone; whether it is healed is looked at from then on
    _healed: bool = False
    _renewed_s: float = 0.0
    _missed: str = ""  # why the last try to renew it failed, until one succeeds
    _busy: Callable[[], bool] = lambda: False
    _undoing: Callable[[], bool] = lambda: False

    @property
    def name(self) -> str:
        """Return the history's name of it."""
        return str(self.record.data["id"])

    @property
    def verified(self) -> bool:
        """Return whether it has been recorded as healed."""
        return self._state is _State.VERIFIED

    @property
    def is_undoing(self) -> bool:
        """Return whether its undo is under way beside the episode."""
        return self._undoing()

    def step(self, t_s: float, env: Env) -> None:
        """Do what is due at a time of the load's clock. Raises whatever the injection raises, and what renewals raise for a whole lease."""
        if self._state is _State.PREPARED and t_s >= self.planned.start_s:
            self._inject(t_s, env)
        elif self._state is _State.ON and t_s >= self.planned.end_s:
            self._end(env)
        elif self._state is _State.ON:
            self._renew(t_s, env)
        if self._state is _State.ON:
            self._look(env)
        elif self._state is _State.UNDONE:
            self._watch_healing(env)

    def next_s(self, t_s: float) -> float:
        """Return when a step is due beside the beats."""
        if self._state is _State.PREPARED:
            return self.planned.start_s
        return min(self.planned.end_s, next_change_s(self.planned, t_s)) if self._state is _State.ON else math.inf

    def note(self) -> None:
        """Record the first proof that the fault bites, and the healing."""
        if self.proof and self.proof.bites and not self._confirmed:
            self._confirmed = True
            self.history.append(Event.FAULT_CONFIRMED, {"id": self.name, "proof": self.proof.data()})
        self._note_undo()
        if self._healed and not self.verified:
            self._state = _State.VERIFIED
            self.history.append(Event.FAULT_VERIFIED, {"id": self.name}, durable=True)

    def last_word(self) -> None:
        """Record, once, that the last look did not show the fault, or that its lease may have ended before it."""
        if self._spoken or self._state is _State.PREPARED:
            return
        self._spoken = True
        if lapse := self._lapse(self.planned.end_s):
            self.history.append(Event.FAULT_FAILED, {"id": self.name, "error": f"it could not be held: {lapse}"})
        if self.proof is None or not self.proof.bites:
            self.history.append(
                Event.FAULT_INERT, {"id": self.name, "proof": self.proof.data() if self.proof else _UNREAD}
            )

    def settle(self, env: Env) -> None:
        """Wait for the undo that is under way, which has a limit of its own, and look at once: another one must not run beside it."""
        while self.is_undoing:
            env.sleep(_LOOK_S)
        self._note_undo()
        if self._gone:
            self._look_healed()
        self.note()

    def withdraw(self, error: Exception) -> None:
        """Record, if it is on, that it ends too early: then it must not count as proven."""
        if self._state is _State.ON:
            self.history.append(Event.FAULT_FAILED, {"id": self.name, "error": f"it could not be held: {error}"})

    def _inject(self, t_s: float, env: Env) -> None:
        share, begun_s = intensity(self.planned, t_s), env.now_s()
        try:
            self._injected = self.fault.inject(scaled(self.planned, share), self.target, self._undo)
        except Exception as error:
            self.history.append(Event.FAULT_FAILED, {"id": self.name, "error": str(error)})
            raise
        self._state = _State.ON
        self._full, self._renewed_s = share == 1.0, t_s
        told = ("service", "killed", "others") if "killed" in self._injected else ()
        killed = {key: self._injected[key] for key in told if key in self._injected}
        took_s = round(env.now_s() - begun_s, 6)
        self.history.append(Event.FAULT_INJECTED, {"id": self.name, "took_s": took_s, **killed})

    def _renew(self, t_s: float, env: Env) -> None:
        """Extend the lease at the present intensity; what the proof compares with is read anew whenever the full dose begins."""
        self._see_held(t_s)
        share, begun_s = intensity(self.planned, t_s), env.now_s()
        begins = share == 1.0 and not self._full
        try:
            if begins:
                self._injected = self.fault.inject(self.planned, self.target, self._undo)
            else:
                self.fault.renew(scaled(self.planned, share), self.target, self._undo)
        except TargetError as error:
            self._miss(error)
            return
        self._stretch += begins
        if self._missed:
            self._see_held(t_s + env.now_s() - begun_s)  # it may have come too late
        self._full, self._renewed_s, self._missed = share == 1.0, t_s, ""

    def _miss(self, error: TargetError) -> None:
        """Bear that a renewal failed, as the lease does, and record it; raise where nothing has a lease."""
        if self.planned.shape != "step":
            raise error
        self._missed = str(error)
        self.history.append(Event.ERROR, {"where": f"renew {self.name}", "error": self._missed, "traceback": ""})

    def _see_held(self, t_s: float) -> None:
        """Raise ``TargetError`` when the lease may have ended before ``t_s``."""
        if lapse := self._lapse(t_s):
            raise TargetError(lapse)

    def _lapse(self, t_s: float) -> str:
        """Say that what lasts was not renewed for longer than its lease, and why if that is known; empty when it was."""
        late_s = t_s - self._renewed_s
        if self.planned.shape != "step" or late_s <= LEASE_S:
            return ""
        told = f"nobody renewed it for {late_s:.1f} s, so it may have ended by itself meanwhile"
        return f"{self._missed}; {told}" if self._missed else told

    def _look(self, env: Env) -> None:
        """Read the effect of the full dose, beside the renewals: a canary takes as long as the delay it measures."""
        over = self._confirmed and self.planned.shape != "step"
        if over or not self._full or self._busy():
            return
        injected, stretch = self._injected, self._stretch

        def prove() -> None:
            try:
                found = self.fault.prove(self.planned, self.target, injected)
            except TargetError as error:
                found = Proof(bites=False, asked=0, measured=0, unit="", n=0, bypassed=0, text=str(error))
            if found.bites or (self._full and stretch == self._stretch and self._state is _State.ON):
                self.proof = found

        self._busy = env.spawn(prove)

    def _end(self, env: Env) -> None:
        """
        Undo it in the middle of the episode, beside the renewals: a rollback of somebody's own may take long.

        What resists is left to the episode's own end, where it is waited for.
        """
        self.note()
        self.last_word()
        self._state = _State.UNDONE

        def undo() -> None:
            try:
                self.fault.undo(self._undo, self.target)
                self._told = (Event.FAULT_UNDONE, {"id": self.name})
            except Exception as error:  # noqa: BLE001 - recorded below; the undo is tried again at the episode's end
                self._told = (Event.ERROR, {"where": f"undo {self.name}", "error": str(error), "traceback": ""})

        self._undoing = env.spawn(undo)
        for _ in range(_LOOKS):
            if not self._undoing():
                break
            env.sleep(_LOOK_S)
        self._note_undo()

    def _note_undo(self) -> None:
        """Record how the undo went, once it is over."""
        if self._told is not None:
            event, data = self._told
            self._told, self._gone = None, event == Event.FAULT_UNDONE
            self.history.append(event, data)

    def _watch_healing(self, env: Env) -> None:
        if not self._gone or self._healed or self._busy():
            return
        self._busy = env.spawn(self._look_healed)

    def _look_healed(self) -> None:
        try:
            self._healed = self.fault.healed(self._undo, self.target)
        except TargetError:
            self._healed = False

    @property
    def _undo(self) -> Data:
        undo = self.record.data["undo"]
        return undo if isinstance(undo, dict) else {}
