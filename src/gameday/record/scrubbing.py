"""Keep secrets out of whatever is written: every text that holds one has ``***`` in its place."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import JsonValue

HIDDEN = "***"


class Scrubber:
    """
    Replaces secrets in texts and in the texts of nested values, keys included.

    Numbers stay as they are: a number that happens to be a secret's digits is no secret, and a scrubbed one would be no JSON.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Start with the secrets known so far."""
        self._secrets: tuple[str, ...] = ()
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Hide these as well from now on; the longest first, so that a secret within another leaves nothing of it."""
        found = {*self._secrets, *(secret for secret in secrets if secret.strip())}
        self._secrets = tuple(sorted(found, key=lambda secret: (-len(secret), secret)))

    def text(self, text: str) -> str:
        """Return a text without secrets, also where they are escaped as in JSON."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
            if (escaped := secret.encode("unicode_escape").decode()) != secret:
                text = text.replace(escaped, HIDDEN)
        return text

    def value(self, value: JsonValue) -> JsonValue:
        """Return a copy of a nested value without secrets."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.value(each) for key, each in value.items()}
        return [self.value(each) for each in value] if isinstance(value, list) else value
