"""
Prove who speaks: a run to what it commands in a cluster, and that to the run, each by a key pair of its own (Ed25519).

Only the public part of the run's pair stands in a pod's spec, which many may read. An agent makes its own pair when
it starts, and writes the public part into its container's log, which the kubelet alone hands on: it is the agent's
``boot``, too, and another after every start. A command is signed over the agent, its boot, the path, who commands, a
number that only grows, and the whole body. An answer is signed over the command's proof.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gameday.agent.wire import PROOF_HEADER

REFUSED = 403
"""The status of an answer to what does not prove to be a command."""
BOOT, PASS = "boot", "pass"
"""What is announced in logs: an agent's start; the digest of what a load's worker shows its master."""
_TRIES = 16
"""How often a command is sent that others of its process have overtaken; it takes one more try for each of them."""
_SIGNATURE = re.compile(rb"[0-9a-f]{128}")


class ForgedError(Exception):
    """It does not prove what it must; the text says what is wrong."""


class OvertakenError(ForgedError):
    """A newer command of the same commander came before; sent anew it will be done."""


class Commander:
    """
    A process that commands agents of one run; may be shared by threads.

    Args:
        seed: 32 secret bytes, the same in all processes of the run.
    """

    def __init__(self, seed: bytes) -> None:
        """Have a name of its own, by which agents tell processes of a run apart."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._name = secrets.token_hex(8)
        self._numbers = count(1)
        self._boots: dict[str, str] = {}
        self._announced: set[str] = set()

    @property
    def public(self) -> str:
        """Return the public part of the run's pair, as it stands in a spec."""
        return self._key.public_key().public_bytes_raw().hex()

    def prove(self, agent: str, boot: str, path: str, body: bytes) -> str:
        """Return the proof of a new command, for its header."""
        command = Command(self._name, next(self._numbers), digest(body))
        signature = self._key.sign(command.signed(agent, boot, path))
        return f"{command.name}.{command.number}.{command.digest}.{signature.hex()}"

    def command(
        self, agent: str, path: str, body: bytes, send: Callable[[str], tuple[int, bytes]]
    ) -> tuple[int, bytes, str]:
        """
        Send a command, and return the answer's status and body, and the boot of who answers; empty where no agent does.

        The first command to an agent learns its boot; one that another of this process has overtaken is sent anew.

        Args:
            agent: To whom it is.
            path: Where to.
            body: The whole of it.
            send: Sends it with a proof, and returns the status and the text that come back.

        Raises:
            ForgedError: Who answers is not who answered before, or answers another command.
        """
        for _ in range(_TRIES):
            boot = self._boots.get(agent, "")
            proof = self.prove(agent, boot, path, body)
            status, text = send(proof)
            signature, said = cut(text)
            if not signature:
                return status, text, ""
            refused = _refusal(status, said)
            new = str(refused.get("boot", boot))
            if new != boot and agent in self._announced:
                break
            if new == boot and not refused.get("overtaken"):
                break
            self._boots[agent] = new
        check_answer(signature, status, said, agent=agent, boot=boot, proof=proof)
        return status, said, boot

    def see_announced(self, agent: str, boot: str, log: Callable[[], str]) -> None:
        """
        Compare an agent's boot with what its container's log says, until that says any; no other is taken from then on.

        Raises:
            ForgedError: The log says another.
        """
        if agent in self._announced or (said := announced(BOOT, log())) is None:
            return
        if said != boot:
            raise ForgedError("who answers is not who its container's log says")
        self._announced.add(agent)


@dataclass(frozen=True, slots=True)
class Command:
    """What a proof says of a command: who commands, which command of theirs it is, and the digest of its body."""

    name: str
    number: int
    digest: str

    def signed(self, agent: str, boot: str, path: str) -> bytes:
        """Return what is signed of it."""
        return json.dumps(["command", agent, boot, path, self.name, self.number, self.digest]).encode()

    def check_body(self, body: bytes) -> None:
        """Raise ``ForgedError`` for another body."""
        if digest(body) != self.digest:
            raise ForgedError("the body is not the one that was signed")


class Verifier:
    """
    What checks commands and signs answers, for as long as an agent runs.

    Args:
        agent: Its pod and container, as its commander writes them.
        public: The public part of the run's pair.

    Attributes:
        boot: The public part of its own pair.
    """

    def __init__(self, agent: str, public: str) -> None:
        """Make its own pair. Raises ``ValueError`` for what is no public part."""
        self._agent = agent
        self._run = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        self._own = Ed25519PrivateKey.generate()
        self._newest: dict[str, int] = {}
        self.boot = self._own.public_key().public_bytes_raw().hex()

    def announce(self) -> None:
        """Write its boot into the container's log."""
        announce(BOOT, self.boot)

    def check(self, proof: str, path: str) -> Command:
        """
        Take note of a command and return it; its body, which need not have come, is still to be checked.

        Raises:
            ForgedError: It is not the run's, is for another agent or start, or not newer than the commander's last.
        """
        try:
            name, number, digest, signature = proof.split(".")
            command = Command(name, int(number), digest)
            self._run.verify(bytes.fromhex(signature), command.signed(self._agent, self.boot, path))
        except (ValueError, InvalidSignature):
            raise ForgedError(f"the header {PROOF_HEADER} is no proof of this agent's run for this command") from None
        newest = self._newest.get(command.name, 0)
        if command.number <= newest:
            raise OvertakenError(f"command {command.number} comes after command {newest}: send it anew")
        self._newest[command.name] = command.number
        return command

    def refusal(self, error: ForgedError) -> dict[str, object]:
        """Return what is answered to what does not prove to be a command."""
        return {"error": str(error), "boot": self.boot, "overtaken": isinstance(error, OvertakenError)}

    def sign(self, proof: str, status: int, body: bytes) -> bytes:
        """Return an answer to a command with its own proof in front."""
        return self._own.sign(_answer(self._agent, proof, status, body)).hex().encode() + b"\n" + body


def cut(text: bytes) -> tuple[str, bytes]:
    """Cut an answer into its signature and its body; the first is empty of what is no agent's."""
    signature, found, body = text.partition(b"\n")
    return (signature.decode("ascii"), body) if found and _SIGNATURE.fullmatch(signature) else ("", text)


def check_answer(signature: str, status: int, body: bytes, *, agent: str, boot: str, proof: str) -> None:
    """Raise ``ForgedError`` unless an answer is from that start of that agent, to the command with that proof."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(boot))
        key.verify(bytes.fromhex(signature), _answer(agent, proof, status, body))
    except (ValueError, InvalidSignature):
        raise ForgedError("the answer is not the agent's own to this command") from None


def announce(what: str, value: str) -> None:
    """Write into the container's log what ``announced`` finds there."""
    print(f"gameday {what} {value}", flush=True)  # noqa: T201 - the container's log


def announced(what: str, log: str) -> str | None:
    """Return what a container has announced first; None where its log does not say."""
    head = f"gameday {what} "
    return next((line.removeprefix(head) for line in log.splitlines() if line.startswith(head)), None)


def digest(data: bytes) -> str:
    """Return by what data is known to those who need not have it."""
    return hashlib.sha256(data).hexdigest()


def _refusal(status: int, body: bytes) -> dict[str, object]:
    """Read what an agent says that refuses a proof; empty for what is none."""
    try:
        said = json.loads(body) if status == REFUSED else None
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _answer(agent: str, proof: str, status: int, body: bytes) -> bytes:
    return json.dumps(["answer", agent, proof, status]).encode() + b"\n" + body
