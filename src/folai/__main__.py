"""The program `folai`: the command line as a process of its own."""

import signal
import sys
from typing import NoReturn


def run() -> NoReturn:
    """End the process with the exit code of the command; Ctrl-C at any moment is one line."""
    try:
        from folai.cli import main  # takes a moment, in which somebody may change their mind

        code = main()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: let Python end in peace
    except KeyboardInterrupt:
        print("folai: stopped", file=sys.stderr)
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    run()
