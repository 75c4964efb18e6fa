"""
Stay behind the agent: when it dies, of whatever, remove its table at once, so that no connection is led to a proxy that is not there.

In its container this is process 1, which also has to reap whatever is left without a parent. When both die at once, the kernel's timeouts end
what was led to the proxy.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress

from gameday.agent.lifeline import adopt_orphans, die_with
from gameday.agent.pod.table import remove_at_once

TAKEN = 3
"""The agent's exit code when another one serves this pod: the table is that one's."""

_END_S = 5
"""How long the agent may take to end in order, two transactions of nft; then it is killed."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def supervise(agent: Callable[[], int]) -> int:
    """Run the agent as a process of its own; clean up after its end and return its exit code (128 and more for a signal)."""
    adopt_orphans()
    parent = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    pid = os.fork()
    if pid == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        die_with(parent, signal.SIGTERM)  # left alone, it removes the table itself
        os._exit(agent())

    def pass_on(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        signal.alarm(_END_S)

    def lose_patience(_: int, __: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    for number in _SIGNALS:
        signal.signal(number, pass_on)
    signal.signal(signal.SIGALRM, lose_patience)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    code = os.waitstatus_to_exitcode(_wait_for(pid))
    signal.alarm(0)
    if code != TAKEN:
        remove_at_once()
        _reap_the_rest()
        remove_at_once()  # an nft of the agent's may just have ended
    return code if code >= 0 else 128 - code


def _wait_for(pid: int) -> int:
    """Wait for the agent's end, reaping others."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            return status


def _reap_the_rest() -> None:
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(_END_S)  # none of them lives longer: they are nft's transactions
    with suppress(ChildProcessError):
        while True:
            os.wait()
    signal.alarm(0)
