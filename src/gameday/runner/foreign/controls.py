"""
Controls that ask a person: what they ask must be answered, or what they guard must not run.

Chaos Toolkit passes over a control that fails, so a question that nobody can answer would let everything pass.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chaoslib.control
from chaoslib.exceptions import InterruptExecution

from gameday.runner.foreign.inspection import controls_of

_ASKING = {"confirm", "prompt", "getchar", "pause", "ask", "getpass", "input", "raw_input", "questionary", "inquirer"}
_OF = {
    "click",
    "typer",
    "rich",
    "Confirm",
    "Prompt",
    "getpass",
    "builtins",
    "questionary",
    "inquirer",
    "prompt_toolkit",
}
"""Functions, and the modules and classes of which they ask a person, whatever else is called like them."""
_UNANSWERED = ("click.exceptions.Abort", "termios.error", "io.UnsupportedOperation", "builtins.EOFError")


def questions(experiment: dict[str, Any]) -> Iterator[str]:
    """Yield where the experiment's controls ask a person, one line a control."""
    asked: dict[str, str | None] = {}
    for _, control in controls_of(experiment):
        provider = control.get("provider") if isinstance(control, dict) else None
        module = provider.get("module") if isinstance(provider, dict) else None
        if not isinstance(module, str):
            continue
        if module not in asked:
            asked[module] = _question(module)
        if asked[module]:
            yield f"the control {control.get('name')} asks a person: {asked[module]}"


def _question(name: str) -> str | None:
    """Return the first question in a module's functions for controls and in what they call of it; None without one."""
    try:
        module = importlib.import_module(name)
        source, path = inspect.getsource(module), Path(str(module.__file__)).name
        tree = ast.parse(source)
    except (Exception, SystemExit):  # noqa: BLE001 - it is somebody else's code; one without source is asked nothing
        return None
    functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
    imported = {
        alias.asname or alias.name
        for each in ast.walk(tree)
        if isinstance(each, ast.ImportFrom) and (each.module or "").split(".")[0] in _OF
        for alias in each.names
    }
    todo, done = [each for each in functions if each.endswith("_control")], set[str]()
    while todo:
        function = todo.pop(0)
        done.add(function)
        for node in ast.walk(functions[function]):
            words = _words(node)
            if words and _asks(words, imported):
                return f"{'.'.join(words)} in {path}:{getattr(node, 'lineno', 1)}"
            if len(words) == 1 and words[0] in functions and words[0] not in {*done, *todo}:
                todo.append(words[0])
    return None


def _words(node: ast.AST) -> tuple[str, ...]:
    """Return the words of a dotted name: ``click.confirm``; nothing for any other expression."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute) and (before := _words(node.value)):
        return (*before, node.attr)
    return ("/dev/tty",) if isinstance(node, ast.Constant) and node.value == "/dev/tty" else ()


def _asks(words: tuple[str, ...], imported: set[str]) -> bool:
    if words in {("input",), ("sys", "stdin"), ("/dev/tty",)}:
        return True
    return words[-1] in _ASKING and (words[0] in imported if len(words) == 1 else words[-2] in _OF | imported)


def see_answers(*, terminal: bool) -> None:
    """
    Interrupt the experiment when a control's question gets no answer, from now on and for this process.

    Chaos Toolkit would go on; at a control's ``configure_control`` it goes on whatever ordinary exception is raised.

    Args:
        terminal: Standard input is a terminal; without one nothing can be read.
    """
    for name, ends in (("apply_python_control", _interrupt), ("initialize_control", SystemExit)):
        setattr(chaoslib.control, name, _watched(getattr(chaoslib.control, name), ends, terminal=terminal))


def _watched(call: Callable[..., Any], ends: Callable[[str], BaseException], *, terminal: bool) -> Callable[..., Any]:
    def watched(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - chaoslib's signature
        stdin = sys.stdin
        if not terminal:
            sys.stdin = _Nobody()
        try:
            return call(*args, **kwargs)
        except Exception as error:
            kinds = {f"{each.__module__}.{each.__qualname__}" for each in type(error).__mro__}
            if kinds.isdisjoint(_UNANSWERED) and getattr(error, "filename", None) != "/dev/tty":
                raise
            control = kwargs.get("control", args[0] if args and isinstance(args[0], dict) else {})
            raise ends(f"the control {control.get('name')} asks a person and got no answer") from error
        finally:
            sys.stdin = stdin

    return watched


def _interrupt(told: str) -> BaseException:
    error: BaseException = InterruptExecution(told)
    return error


class _Nobody(io.StringIO):
    """A standard input that says that nobody is there, instead of an end that can be taken for an answer."""

    def read(self, size: int | None = -1, /) -> str:
        raise EOFError(size)

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        raise EOFError(size)
