"""Read the values of flags, and tell in the one shape of errors which cannot be read."""

from __future__ import annotations

import ipaddress
from argparse import ArgumentParser
from collections.abc import Callable

from gameday.cli.trouble import Trouble
from gameday.experiment.flaws import did_you_mean


def word(command: ArgumentParser, what: str, *valid: str, untold: tuple[str, ...] = ()) -> Callable[[str], str]:
    """Accept one of several words, and those that only programs say."""

    def read(text: str) -> str:
        if text in {*valid, *untold}:
            return text
        hint = did_you_mean(text, valid)
        raise Trouble(
            f"{what} is not a valid word", seen=text, valid=", ".join(valid), hint=hint, next=f"{command.prog} --help"
        )

    return read


def seed(command: ArgumentParser) -> Callable[[str], int]:
    """Accept a whole number that fits every random source."""

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) <= 18:
            return int(text)
        raise Trouble(
            "--seed cannot be read", seen=text, valid="a whole number below 10^18", next=f"{command.prog} --help"
        )

    return read


def number(command: ArgumentParser, what: str, least: int, most: int) -> Callable[[str], int]:
    """Accept a whole number in ``[least, most]``."""

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) <= 18 and least <= int(text) <= most:
            return int(text)
        raise Trouble(
            f"{what} cannot be read",
            seen=text,
            valid=f"a whole number from {least} to {most}",
            next=f"{command.prog} --help",
        )

    return read


def network(command: ArgumentParser, what: str) -> Callable[[str], str]:
    """Accept an IP address, or a network in CIDR notation, and return the latter."""

    def read(text: str) -> str:
        try:
            return str(ipaddress.ip_network(text))
        except ValueError as error:
            raise Trouble(
                f"{what} cannot be read",
                seen=text,
                valid="an IP address or a network such as 10.0.0.0/28",
                hint=str(error),
                next=f"{command.prog} --help",
            ) from None

    return read
