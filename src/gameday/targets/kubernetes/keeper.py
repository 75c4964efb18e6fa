"""Hold the lease of a namespace for as long as a run goes on."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from gameday.experiment.model import System
from gameday.targets.claim import ClaimError
from gameday.targets.kubernetes import lease
from gameday.targets.kubernetes.api import Api, ConflictError, open_api
from gameday.targets.kubernetes.guard import see_allowed
from gameday.targets.kubernetes.place import kind_of
from gameday.targets.kubernetes.residue import find_residue
from gameday.targets.kubernetes.site import site_of
from gameday.targets.protocol import TargetError

RECOVER = "gameday recover --target kind"
_END_S = 2.0
"""How long the thread may take to end; it waits for nothing but a request that it is in the middle of."""


@contextmanager
def kept(system: System, *, repairing: bool = False) -> Iterator[Keeper]:
    """
    Hold the lease of a system's namespace within the block; who is ``repairing`` takes it from a dead run that left something behind.

    Raises:
        ClaimError: The context is not allowed, another run holds the lease, or one has died and left something behind.
        TargetError: The cluster cannot be asked.
    """
    kind = kind_of(system)
    see_allowed(kind)
    api, run = open_api(kind.context), new_run()
    succeeded = _acquire(api, system, run, repairing=repairing)
    keeper = Keeper(api, kind.namespace, run, succeeded)
    keeper.start()
    try:
        yield keeper
    finally:
        keeper.stop()


def new_run() -> str:
    """Name a run so that the name can be a label's value: the time, and what tells two of one second apart."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


class Keeper:
    """Renews the lease in a thread of its own, from ``start`` to ``stop``."""

    def __init__(self, api: Api, namespace: str, run: str, succeeded: str) -> None:
        """Hold a lease that was just taken, from nobody or from a run that had died, as ``succeeded`` says."""
        self._api, self._namespace, self._run = api, namespace, run
        self._succeeded = succeeded
        self._over = threading.Event()
        self._lost = ""
        self._renewed_s, self._trouble = time.monotonic(), ""
        self._thread = threading.Thread(target=self._renew, name="keeper", daemon=True)

    @property
    def run(self) -> str:
        """Return the run that holds it."""
        return self._run

    @property
    def succeeded(self) -> str:
        """Return, in words, whose it was before; empty when it was nobody's."""
        return self._succeeded

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def check(self) -> None:
        """Raise ``TargetError`` when another run may have begun: then this one must end."""
        silent_s = time.monotonic() - self._renewed_s
        if silent_s > lease.DURATION_S:
            self._lost = (
                self._lost or f"it was not renewed for {silent_s:.0f} s: {self._trouble or 'this process stood still'}"
            )
        if self._lost:
            raise TargetError(
                f"the run's hold on the cluster was lost: {self._lost}; see: gameday doctor --target kind"
            )

    def stop(self) -> None:
        """Let the lease go; idempotent. What cannot be told to the cluster ends there by itself."""
        self._over.set()
        self._thread.join(_END_S)
        with suppress(TargetError):
            lease.release(self._api, self._namespace, self._run)

    def _renew(self) -> None:
        while not self._over.wait(lease.RENEW_S):
            try:
                lease.renew(self._api, self._namespace, self._run)
                self._renewed_s, self._trouble = time.monotonic(), ""
            except lease.LostError as error:
                self._lost = str(error)
                return
            except (
                TargetError
            ) as error:  # it is tried again: nobody else can take it before ``check`` says that it is lost
                self._trouble = str(error)


def _acquire(api: Api, system: System, run: str, *, repairing: bool) -> str:
    """Take the lease, and say whose it was; empty when it was nobody's."""
    namespace = kind_of(system).namespace
    try:
        lease.create(api, namespace, run)
    except ConflictError as error:
        held = lease.read(api, namespace)
        if held is None:
            raise ClaimError(f"the lease of {namespace} changes hands just now; try again") from error
        _succeed(api, system, run, held, repairing=repairing)
        return held.told()
    return ""


def _succeed(api: Api, system: System, run: str, held: lease.Held, *, repairing: bool) -> None:
    """Take the lease of a run that has died, if it has left nothing else or that is about to be undone."""
    namespace = kind_of(system).namespace
    if not lease.is_abandoned(api, namespace, held):
        cure = "" if repairing else f", or when it has died: {RECOVER}"
        raise ClaimError(f"{held.told()}, holds {namespace} in the cluster; wait for its end{cure}")
    if not repairing and (left := find_residue(api, site_of(system, run=run))):
        raise ClaimError(f"{held.told()}, has died and left something behind ({left[0]}); first: {RECOVER}")
    try:
        lease.take_over(api, namespace, run, held)
    except ConflictError as error:
        raise ClaimError(f"another run has just taken the lease of {namespace}; wait for its end") from error
