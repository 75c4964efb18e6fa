"""Import a person's own locustfile as Locust's command line does, and ask it for all that a run needs before one begins."""

from __future__ import annotations

import logging
import math
import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import locust
from locust import LoadTestShape, User, log
from locust.argument_parser import get_empty_argument_parser, get_parser, setup_parser_arguments
from locust.env import Environment
from locust.runners import LocalRunner
from locust.user.task import is_markov_taskset
from locust.util.load_locustfile import load_locustfile

from gameday.load.wire import Closed


class LocustfileError(Exception):
    """Locust could not run the file; the text is Locust's own where it has one."""


def environment_of(closed: Closed, *, hang_s: float) -> Environment:
    """
    Import the file and return the environment in which its users will live; no user is made, nothing is sent.

    The file's listeners hang on Locust's global events, which are the environment's. Its ``init`` listeners are called by
    ``announce``, when there is a runner.

    Raises:
        LocustfileError: The file, or what is asked of it, is wrong.
    """
    log.setup_logging("INFO")
    arguments = _command_line(closed, hang_s)
    sys.argv = ["locust", *arguments]
    users, shapes = _imported(closed.locustfile)
    if not users:
        raise LocustfileError(f"No User class found! ({closed.locustfile})")
    if missing := [name for name in closed.hosts if name not in users]:
        raise LocustfileError(f"Unknown User(s): {', '.join(missing)} (there are {', '.join(users)})")
    if not shapes and closed.users is None:
        raise LocustfileError("how many users? The locustfile has no LoadTestShape, so load.users must say it")
    try:
        environment = _made(closed, _options(arguments), users, shapes)
    except LocustfileError:
        raise
    except (Exception, SystemExit) as error:
        raise LocustfileError(_told(error, closed.locustfile)) from error
    _raise_unhandled("init_command_line_parser")
    environment.stop_timeout = hang_s
    _filter(environment, closed)
    for user in environment.user_classes:
        if not callable(user.wait_time):
            kind = type(user.wait_time).__name__
            raise LocustfileError(f"{user.__name__}.wait_time is of type {kind}, not a function such as between(1, 2)")
    return environment


def place(runner: LocalRunner, hosts: Mapping[str, str]) -> None:
    """Give some user classes a host of their own; Locust gives its environment's to all of them, each time before it makes users."""
    spawn = runner.spawn_users

    def placed(*args: object, **more: object) -> list[User]:
        for name, host in hosts.items():
            runner.user_classes_by_name[name].host = host
        made: list[User] = spawn(*args, **more)
        return made

    runner.spawn_users = placed


def announce(environment: Environment) -> None:
    """
    Call the file's ``init`` listeners.

    Raises:
        LocustfileError: One of them raised, which Locust takes for fatal; its traceback is on standard error.
    """
    environment.events.init.fire(environment=environment, runner=environment.runner, web_ui=None)
    _raise_unhandled("init")
    options = environment.parsed_options
    options.num_users = options.num_users or 1  # as Locust does before it asks a shape


def own_exit_code(environment: Environment) -> int | None:
    """Return the exit code that the file set; None if it set none."""
    return None if environment.process_exit_code is None else int(environment.process_exit_code)


def exit_code(environment: Environment) -> int:
    """Return the exit code of ``locust --headless``."""
    if (own := own_exit_code(environment)) is not None:
        return own
    if environment.runner.errors or environment.runner.exceptions:
        return int(environment.parsed_options.exit_code_on_error)
    return 2 if log.unhandled_greenlet_exception else 0


def _raise_unhandled(event: str) -> None:
    if log.unhandled_greenlet_exception:
        raise LocustfileError(f"a listener of the {event} event raised")


def _imported(path: str) -> tuple[dict[str, type[User]], list[LoadTestShape]]:
    try:
        users, shapes = load_locustfile(path)
    except (Exception, SystemExit) as error:
        raise LocustfileError(_told(error, path)) from error
    return users, shapes


def _told(error: BaseException, path: str) -> str:
    """Write a traceback as Python does, from the locustfile on: how it came to be imported is of no interest."""
    told = traceback.TracebackException.from_exception(error)
    own = next((index for index, frame in enumerate(told.stack) if frame.filename == path), len(told.stack))
    told.stack = traceback.StackSummary.from_list(told.stack[own:])
    return "".join(told.format()).strip()


def _command_line(closed: Closed, hang_s: float) -> list[str]:
    """Return the arguments with which ``locust`` would run what the experiment asks for."""
    arguments = ["--headless", "-f", closed.locustfile, "--host", closed.host]
    arguments += ["--users", str(closed.users)] if closed.users else []
    arguments += ["--spawn-rate", f"{closed.spawn_rate_per_s:g}", "--run-time", f"{math.ceil(closed.duration_s)}s"]
    # A user whom a shape takes away, or the end, finishes its task, so that no request is cut off.
    arguments += ["--stop-timeout", f"{math.ceil(hang_s)}s"]
    arguments += ["--tags", *closed.tags] if closed.tags else []
    return arguments + (["--exclude-tags", *closed.exclude_tags] if closed.exclude_tags else [])


def _options(arguments: Sequence[str]) -> Namespace:
    """Parse them with Locust's own parser, to which the file's listeners add; its own settings come from the experiment alone."""
    standard = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(standard)
    own = {action.env_var for action in standard._actions if getattr(action, "env_var", None)}  # noqa: SLF001 - as argparse has it
    parser = get_parser(default_config_files=[])
    parser.error = _refuse  # else it prints, and leaves with a number
    environment = {name: value for name, value in os.environ.items() if name not in own}
    options: Namespace = parser.parse_args(list(arguments), env_vars=environment)
    options.user_classes = []
    return options


def _made(
    closed: Closed, options: Namespace, users: dict[str, type[User]], shapes: Sequence[LoadTestShape]
) -> Environment:
    """Make the environment as Locust's command line does."""
    return Environment(
        locustfile=Path(closed.locustfile).name,
        user_classes=list(users.values()),
        shape_class=shapes[0] if shapes else None,
        events=locust.events,
        host=options.host,
        reset_stats=options.reset_stats,
        parsed_options=options,
        parsed_locustfiles=[closed.locustfile],
        available_user_classes=users,
        available_shape_classes={type(shape).__name__: shape for shape in shapes},
        available_user_tasks={name: kind.tasks for name, kind in users.items()},
        profile=options.profile,
    )


def _refuse(message: str) -> NoReturn:
    raise LocustfileError(f"locust: error: {message}")


def _filter(environment: Environment, closed: Closed) -> None:
    """Leave the tasks of the tags; Locust would only warn, and fail when it makes the user."""
    logging.disable(logging.WARNING)
    try:
        environment._filter_tasks_by_tags()  # noqa: SLF001 - Locust does it at its start, when it is too late
    finally:
        logging.disable(logging.NOTSET)
    for user in environment.user_classes:
        if user.tasks or is_markov_taskset(user) or user.run is not User.run:
            continue
        if closed.tags or closed.exclude_tags:
            asked = f"tags: {', '.join(closed.tags) or 'all'}; exclude-tags: {', '.join(closed.exclude_tags) or 'none'}"
            raise LocustfileError(
                f"{user.__name__} had no tasks left after filtering, instantiating it will fail! ({asked})"
            )
        raise LocustfileError(
            f"No tasks defined on {user.__name__}. Use the @task decorator or set the 'tasks' attribute of the User "
            "(or mark it as abstract = True if you only intend to subclass it)"
        )
