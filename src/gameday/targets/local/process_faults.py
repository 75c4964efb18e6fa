"""What the node does to the shop's processes when a fault asks for it, and what it reads of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict

import psutil

from gameday.agent.lifeline import created_s
from gameday.targets.local.child import Child
from gameday.targets.local.plant import Plant
from gameday.targets.local.wire import Json, Message, number
from gameday.targets.protocol import Stress, TargetError


class ProcessFaults:
    """Answers the requests about processes; each method named ``on_...`` is one operation. All may raise ``TargetError``."""

    def __init__(self, plant: Plant) -> None:
        """Act on a plant's processes."""
        self._plant = plant
        self.operations: Mapping[str, Callable[[Message], Awaitable[dict[str, Json]]]] = {
            "replicas": self.on_replicas,
            "is-ready": self.on_is_ready,
            "kill": self.on_kill,
            "revive": self.on_revive,
            "pause": self.on_pause,
            "resume": self.on_resume,
            "stress": self.on_stress,
            "stressed": self.on_stressed,
            "relax": self.on_relax,
        }

    async def on_replicas(self, request: Message) -> dict[str, Json]:
        """Read a service's processes."""
        names = self._names(str(request["service"]))
        return {"replicas": [self._read(name) for name in names]}

    async def on_is_ready(self, request: Message) -> dict[str, Json]:
        """Ask a process whether it can do its work."""
        self._child(request)
        return {"ready": await self._plant.is_ready(str(request["replica"]))}

    async def on_kill(self, request: Message) -> dict[str, Json]:
        """End a process, and keep it down under a lease."""
        self._child(request).kill(number(request, "lease_s"), grace_s=number(request, "grace_s"))
        return {}

    async def on_revive(self, request: Message) -> dict[str, Json]:
        """Let a killed process start."""
        self._child(request).revive()
        return {}

    async def on_pause(self, request: Message) -> dict[str, Json]:
        """Stop a process under a lease."""
        self._child(request)
        await self._plant.pauses.pause(str(request["replica"]), number(request, "lease_s"))
        return {}

    async def on_resume(self, request: Message) -> dict[str, Json]:
        """Let a stopped process go on."""
        self._child(request)
        await self._plant.pauses.resume(str(request["replica"]))
        return {}

    async def on_stress(self, request: Message) -> dict[str, Json]:
        """Use processor time and memory under a lease."""
        asked = Stress(
            *(number(request, name) for name in ("cores", "memory_bytes", "most_cores", "most_bytes")),
        )
        self._plant.stresses.stress(self._place(request), asked, number(request, "lease_s"))
        return {}

    async def on_stressed(self, request: Message) -> dict[str, Json]:
        """Read what a stressor has used."""
        used = self._plant.stresses.stressed(self._place(request))
        return {"used": asdict(used) if used else None}

    async def on_relax(self, request: Message) -> dict[str, Json]:
        """End a stressor."""
        await self._plant.stresses.relax(self._place(request))
        return {}

    async def reset(self) -> None:
        """End whatever is held on any process."""
        await self._plant.pauses.stop()
        await self._plant.stresses.stop()
        for child in self._plant.children.values():
            child.revive()

    def _read(self, name: str) -> Json:
        child = self._plant.children[name]
        found: dict[str, Json] = {"name": name, "pid": None, "created_s": None, "stopped": False}
        if child.process is None:
            return found
        try:
            process = psutil.Process(child.process.pid)
            stopped = process.status() == psutil.STATUS_STOPPED
            return {**found, "pid": process.pid, "created_s": created_s(process.pid), "stopped": stopped}
        except (ProcessLookupError, psutil.NoSuchProcess):
            return found

    def _names(self, service: str) -> tuple[str, ...]:
        names = self._plant.replicas(service)
        if not names:
            raise TargetError(f"unknown service {service!r}; valid: {', '.join(self._plant.services)}")
        return names

    def _place(self, request: Message) -> str:
        valid = ("host", *self._plant.services)
        if (place := str(request["place"])) not in valid:
            raise TargetError(f"unknown place {place!r}; valid: {', '.join(valid)}")
        return place

    def _child(self, request: Message) -> Child:
        name, service = str(request["replica"]), str(request["service"])
        if name not in (valid := self._names(service)):
            raise TargetError(f"{service} has no process {name!r}; valid: {', '.join(valid)}")
        return self._plant.children[name]
