"""
An action or probe of Chaos Toolkit in the method of an experiment of gameday's.

It runs in a process of its own, so that it can neither hang nor end the worker. Nobody knows what it does: it is proven by its ``proof``
probe and undone by its ``rollbacks``; without a proof nothing can pass.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.flaws import one_of
from gameday.experiment.model import System
from gameday.faults.protocol import Data, Proof
from gameday.targets.protocol import Target, TargetError

ONE = "gameday.runner.foreign.one"
LIMIT_S = 30.0
"""How long an activity without a ``timeout`` may take: much longer than a fault phase's step, much shorter than patience."""
UNPROVEN = "nobody looked for its effect: it has no proof: probe"

_NOTHING: Data = {"name": "the hypothesis", "configuration": {}, "secrets": {}, "timeout": 10.0}
"""What probes of a hypothesis know and how long they may take."""
_UNDOING = ("name", "rollbacks", "configuration", "secrets", "timeout")
"""The parameters that undoing needs."""
_LOOSE = ConfigDict(frozen=True, extra="forbid")


class Environment(BaseModel):
    """A secret from the environment: ``{type: env, key: SHOP_TOKEN}``. None may stand in the file."""

    model_config = _LOOSE

    type: Literal["env"]
    key: str


class Provider(BaseModel):
    """What runs a probe or a rollback; its further keys depend on its type, and Chaos Toolkit checks them."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Literal["python", "process", "http"]


class Looser(BaseModel):
    """A probe or a rollback: what Chaos Toolkit asks of an activity, whose further keys are its own business."""

    model_config = ConfigDict(frozen=True, extra="allow")

    provider: Provider


class Rollback(Looser):
    """What undoes the action: an activity of Chaos Toolkit that is played whatever becomes of the run."""

    type: Literal["action", "probe"] = "action"
    name: Annotated[str, Field(min_length=1)] = "rollback"


@dataclass(frozen=True, slots=True)
class _Begun:
    """An action's process, and all that its undo knows of it; one thread at a time waits for its end."""

    undo: str
    child: subprocess.Popen[bytes]
    waiting: threading.Lock = field(default_factory=threading.Lock)


class Activity:
    """``{type: action, name: …, provider: {…}, proof: {provider: …, tolerance: …}, rollbacks: [{…}]}``."""

    name = "activity"

    class Parameters(BaseModel):
        """``services`` are those that it hits, as far as anybody knows; ``timeout`` is in seconds, and obeyed."""

        model_config = _LOOSE

        type: Literal["action", "probe"] = "action"
        name: Annotated[str, Field(min_length=1, examples=["restart the queue"])]
        provider: dict[str, JsonValue]
        pauses: dict[str, float] = {}
        timeout: Annotated[float, Field(gt=0, le=600, examples=[10.0])] = LIMIT_S
        configuration: dict[str, JsonValue] = {}
        secrets: dict[str, dict[str, Environment]] = {}
        services: tuple[str, ...] = ()
        proof: Looser | None = None
        rollbacks: tuple[Rollback, ...] = ()

    parameters: type[BaseModel] = Parameters

    def __init__(self) -> None:
        """Run none yet; what runs is known by its process id."""
        self._begun: dict[int, _Begun] = {}

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:
        """Find services that the system does not have, and rollbacks that Chaos Toolkit would refuse to play."""
        asked = cast("Activity.Parameters", parameters)
        services = (
            Mistake("services", each, one_of(system.services)) for each in asked.services if each not in system.services
        )
        rollbacks = cast("list[dict[str, JsonValue]]", asked.model_dump(mode="json")["rollbacks"])
        return (
            *services,
            *(
                Mistake("rollbacks", name, f"a rollback that Chaos Toolkit can play; of this it says: {why}")
                for name, why in _unplayable(rollbacks)
            ),
        )

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:  # noqa: ARG002 - the protocol's signature
        """Plan it for its time; it lasts only if something undoes it."""
        asked = cast("Activity.Parameters", parameters)
        undo = ", ".join(each.name for each in asked.rollbacks)
        shape: Literal["none", "step", "impulse"] = "step" if asked.rollbacks else "impulse"
        return PlannedFault(
            fault=self.name,
            shape="none" if asked.type == "probe" else shape,
            parameters=cast("dict[str, JsonValue]", asked.model_dump(mode="json")),
            services=asked.services,
            edges=(),
            dose="",
            effect=f"Chaos Toolkit's {asked.type} runs: {asked.name}.",
            undo=f"Its rollbacks are played: {undo}." if undo else "Nothing undoes it: it has no rollbacks.",
            proof="Its proof: probe is within its tolerance." if asked.proof else f"{UNPROVEN.capitalize()}.",
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:  # noqa: ARG002 - the protocol's signature
        """Keep what playing the rollbacks needs; secrets are read from the environment again."""
        return {key: planned.parameters[key] for key in _UNDOING}

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:  # noqa: ARG002 - the protocol's signature
        """Begin it, without waiting for its end."""
        kept = ("type", "name", "provider", "pauses")
        child = _start([{key: planned.parameters[key] for key in kept}], planned.parameters)
        self._begun[child.pid] = _Begun(_text(planned.parameters), child)
        return {"pid": child.pid}

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:
        """Hold no lease."""

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:  # noqa: ARG002 - the protocol's signature
        """Wait for its end the first time, then ask its proof."""
        pid = cast("int", injected["pid"])
        if (begun := self._begun.get(pid)) is not None:
            try:
                with begun.waiting:
                    done = _end(begun.child, planned.parameters)[0]
            finally:
                self._begun.pop(pid, None)
            if done["status"] != "succeeded":
                return _proof(bites=False, text=f"it failed: {done['error']}")
        if planned.shape == "none":
            return _proof(bites=True, text="it is a probe, and does nothing")
        asked = planned.parameters["proof"]
        if not isinstance(asked, dict):
            return _proof(bites=False, text=UNPROVEN)
        probe = {"name": "proof", **asked, "type": "probe"}
        seen = _end(_start([probe], planned.parameters), planned.parameters)[0]
        shown = seen["error"] or seen["output"]
        return _proof(bites=seen["met"] is True, text=f"its proof shows {shown}")

    def undo(self, undo: Data, target: Target) -> None:  # noqa: ARG002 - the protocol's signature
        """
        End it if it still runs, then play its rollbacks, all of them: they must have the last word.

        Not idempotent by itself: rollbacks are as idempotent as their author made them. An action that another process began has ended with
        that process.
        """
        for pid, begun in tuple(self._begun.items()):
            if begun.undo == _text(undo):
                _stop(begun)
                self._begun.pop(pid, None)
        rollbacks = cast("list[dict[str, JsonValue]]", undo["rollbacks"])
        if not rollbacks:
            return
        named = [{"type": "action", "name": "rollback", **each} for each in rollbacks]
        failed = [each for each in _end(_start(named, undo), undo) if each["status"] != "succeeded"]
        if failed:
            raise TargetError(f"a rollback of {undo['name']} failed: {failed[0]['error']}")

    def healed(self, undo: Data, target: Target) -> bool:  # noqa: ARG002 - the protocol's signature
        """Return True: only the rollbacks know what the action did."""
        return True


def begin_asking(probes: Sequence[Data]) -> subprocess.Popen[bytes]:
    """Start probes of Chaos Toolkit in a process of their own; ``answers`` waits for what they say."""
    return _start([{**probe, "type": "probe"} for probe in probes], _NOTHING)


def answers(child: subprocess.Popen[bytes]) -> list[dict[str, JsonValue]]:
    """Return for each probe its ``status``, ``output``, ``error`` and whether it is ``met``. Raises ``TargetError``."""
    return _end(child, _NOTHING)


def _unplayable(rollbacks: Sequence[Data]) -> tuple[tuple[str, str], ...]:
    """
    Return the name of each rollback that Chaos Toolkit would refuse, and why.

    Nothing is played, but modules are imported.
    """
    if not rollbacks:
        return ()
    settings: Data = {**_NOTHING, "name": "the check of the rollbacks", "timeout": LIMIT_S}
    done = _end(
        _start([{"type": "action", "name": "rollback", **each} for each in rollbacks], settings, check=True), settings
    )
    names = (str(each.get("name", "rollback")) for each in rollbacks)
    return tuple((name, str(each["error"])) for name, each in zip(names, done, strict=True) if each["error"])


def _proof(*, bites: bool, text: str) -> Proof:
    return Proof(bites=bites, asked=1, measured=float(bites), unit="effects seen", n=1, bypassed=0, text=text)


def _start(activities: list[dict[str, JsonValue]], settings: Data, *, check: bool = False) -> subprocess.Popen[bytes]:
    """
    Start a process that runs activities, or only checks them.

    It knows its configuration and reads its secrets from the environment.
    """
    order = {
        "check": check,
        "activities": activities,
        "configuration": settings["configuration"],
        "secrets": settings["secrets"],
        "folder": ".",
    }
    child = subprocess.Popen(  # noqa: S603 - a module of ours
        [sys.executable, "-P", "-m", ONE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert child.stdin is not None  # noqa: S101 - it was opened above
    child.stdin.write(json.dumps(order).encode() + b"\n")
    child.stdin.flush()
    return child


def _text(settings: Data) -> str:
    """Write what an undo knows of its action, the same before and after it was on the disk."""
    return json.dumps({key: settings[key] for key in _UNDOING}, sort_keys=True)


def _stop(begun: _Begun) -> None:
    """End an action's process, and what that has started, unless it has ended by itself; it leaves nothing to be waited for."""
    if begun.child.poll() is None:
        with suppress(ProcessLookupError):  # whoever waits for its end has just seen it
            os.killpg(begun.child.pid, signal.SIGKILL)
    with begun.waiting:
        begun.child.communicate()


def _end(child: subprocess.Popen[bytes], settings: Data) -> list[dict[str, JsonValue]]:
    """Wait for its end within its time, and return what became of each activity. Raises ``TargetError``."""
    limit_s = float(cast("float", settings["timeout"]))
    try:
        text, _ = child.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)  # what it has started, too
        child.communicate()
        raise TargetError(f"{settings['name']} did not end within {limit_s:g} s") from None
    if not text:
        raise TargetError(f"{settings['name']} ended its process ({child.returncode})")
    return cast("list[dict[str, JsonValue]]", json.loads(text))
