"""The fault that does nothing: the control of every comparison."""

from __future__ import annotations

from pydantic import BaseModel

from gameday.experiment.catalogue import Mistake, PlannedFault
from gameday.experiment.declared import Declared
from gameday.experiment.model import System
from gameday.faults.protocol import Data, Proof
from gameday.targets.protocol import Target


class Nothing:
    """``none: {}`` declares dose 0, so there is nothing to prove and nothing to undo."""

    name = "none"

    class Parameters(Declared):
        """It has no parameters."""

    parameters: type[BaseModel] = Parameters

    def check(self, parameters: BaseModel, system: System) -> tuple[Mistake, ...]:  # noqa: ARG002 - the protocol's signature
        """Find no mistake: it names nothing."""
        return ()

    def plan(self, parameters: BaseModel, system: System) -> PlannedFault:  # noqa: ARG002 - the protocol's signature
        """Plan nothing, for the whole fault phase."""
        return PlannedFault(
            fault=self.name,
            shape="none",
            parameters={},
            services=(),
            edges=(),
            dose="0",
            effect="Nothing is done.",
            undo="There is nothing to undo.",
            proof="There is nothing to prove.",
        )

    def prepare(self, planned: PlannedFault, target: Target) -> Data:  # noqa: ARG002 - the protocol's signature
        """Need nothing."""
        return {}

    def inject(self, planned: PlannedFault, target: Target, undo: Data) -> Data:  # noqa: ARG002 - the protocol's signature
        """Do nothing."""
        return {}

    def renew(self, planned: PlannedFault, target: Target, undo: Data) -> None:
        """Hold no lease."""

    def prove(self, planned: PlannedFault, target: Target, injected: Data) -> Proof:  # noqa: ARG002 - the protocol's signature
        """Deliver the declared dose, which is 0."""
        return Proof(bites=True, asked=0, measured=0, unit="", n=0, bypassed=0, text="Nothing was to be done.")

    def undo(self, undo: Data, target: Target) -> None:
        """Undo nothing."""

    def healed(self, undo: Data, target: Target) -> bool:  # noqa: ARG002 - the protocol's signature
        """Leave nothing behind."""
        return True
