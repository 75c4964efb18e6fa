"""Let Locust import a load's own locustfile before anything is started, and tell what it says as it says it."""

from __future__ import annotations

from gameday.cli.screen import short
from gameday.cli.trouble import Trouble
from gameday.experiment.loading.load import Loaded
from gameday.load.closed import LocustfileError, check_locustfile


def try_locustfile(loaded: Loaded) -> None:
    """
    Return if Locust could run it, or there is none.

    Raises:
        Trouble: It could not.
    """
    if loaded.locustfile is None:
        return
    try:
        check_locustfile(loaded.experiment.load, loaded.locustfile)
    except LocustfileError as error:
        raise Trouble(
            "Locust cannot run the locustfile; nothing was started",
            where=short(loaded.locustfile),
            details=tuple(str(error).splitlines()),
            next=f"locust -f {short(loaded.locustfile)} --list",
        ) from error
