"""How a tool begins and ends, whichever it is: 1 is an answer of some, so no error ends with it,
and a signal leaves nothing behind."""

import contextlib
import os
import signal
import sys

from pagestall_tools.bad_input import BadInput
from pagestall_tools.words import printable

NO_ANSWER = 2
INTERRUPTED = 130
BROKEN_PIPE = 141  # as of a process that SIGPIPE has ended

# Module -> package of Debian that has it.
PACKAGES = {
    "matplotlib": "python3-matplotlib",
    "numpy": "python3-numpy",
    "scipy": "python3-scipy",
    "sqlalchemy": "python3-sqlalchemy",
}


class Ended(KeyboardInterrupt):
    """By SIGTERM or SIGHUP: what cleans up after Ctrl-C does so after these."""


def exit_code(act):
    """What act() returns. What it raises and a user can mend is one line on stderr."""
    try:
        code = act()
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # as of "| head": nobody reads on
        discard(sys.stdout)
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except ModuleNotFoundError as error:
        if error.name not in PACKAGES:
            raise
        cause = f"{error}; install the package {PACKAGES[error.name]}"
    except BadInput as error:
        cause = str(error)
    except OSError as error:
        cause = f"{error.filename or 'write standard output'}: {error.strerror}"
        if not error.filename:
            discard(sys.stdout)
    try:
        print(f"error: {printable(cause)}", file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)
    return NO_ANSWER


def discard(stream):
    """Of what cannot be written: else Python fails to once more when it ends, with a code of its
    own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def run(main):
    """Ends the process with the code that main() returns."""
    sys.excepthook = fail
    if sys.stderr is None:  # closed
        sys.stderr = open(os.devnull, "w", encoding="utf-8")
    if sys.stdout is None:
        print("error: write standard output: it is closed", file=sys.stderr)
        sys.exit(NO_ANSWER)
    sys.stdout.reconfigure(errors="backslashreplace")  # of what the locale has no signs for
    for number in (signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup(1) has it
            signal.signal(number, end)
    finish(main())


received = []  # the signal that ends the process


def end(number, _):
    """One that follows it changes nothing of how the first is cleaned up after."""
    if not received:
        received.append(number)
        raise Ended


def fail(kind, error, trace):
    """Of what nobody foresaw."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    finish(NO_ANSWER)


def finish(code):
    """Dies of the signal if there was one, whatever became of it, so that who has sent it knows."""
    for number in received:
        with contextlib.suppress(OSError):  # of a terminal that is closed
            sys.stdout.flush()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        code = 128 + number  # the first process of a container does not die of it
    sys.exit(code)
