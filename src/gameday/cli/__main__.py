"""``python -m gameday.cli``, and what ``gameday`` begins with."""

import signal
import sys


def main() -> int:
    """
    Run gameday. Ctrl-C while its modules are still being loaded ends it at once.

    Nothing has begun, and there is nothing to say.
    """
    handled = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it is ignored, as behind nohup
    if handled:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from gameday.cli import main as program  # noqa: PLC0415 - the slow part

    if handled:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return program.main()


if __name__ == "__main__":
    sys.exit(main())
