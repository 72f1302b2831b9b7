"""Runs two binaries in turn, one repetition of every row each, and reads what they measured."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile

from pagestall_tools import progress, runs
from pagestall_tools.bad_input import BadInput
from pagestall_tools.outcome import outcome_of
from pagestall_tools.words import printable

# How long a child that is to end may take to put back what it has changed.
END_SECONDS = 30

ENDING = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}


def measure(binaries, flags, rounds, seed, keep):
    """Yields {"A": Run, "B": Run} of each round. `binaries`: {"A": path, "B": path}. The JSON
    goes into the directory `keep`, if not None. BadInput if a binary does not measure."""
    with directory(keep) as kept:
        for number, order in enumerate(orders(rounds, seed), 1):
            measured = {}
            for side in order:
                progress.show(f"round {number} of {rounds}: {side}, {binaries[side]}")
                out = os.path.join(kept, f"round-{number:03}-{side.lower()}.json")
                try:
                    measured[side] = one_run(binaries[side], flags, out, f"round {number}")
                finally:
                    progress.show("")
            yield measured


def orders(rounds, seed):
    """Yields "AB" or "BA" for each round. Drawn at random for every second one; the round after it
    has the other, so that each side is first as often and a machine that drifts favours neither."""
    chance = random.Random(seed)
    order = ""
    for number in range(rounds):
        order = order[::-1] if number % 2 else chance.choice(["AB", "BA"])
        yield order


def executable(path):
    """Its absolute path: a name without a slash is a file here, not one of PATH."""
    try:
        os.stat(path)
    except OSError as error:
        raise BadInput(f"run '{path}': {error.strerror}") from error
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        raise BadInput(f"run '{path}': not an executable file")
    return os.path.abspath(path)


@contextlib.contextmanager
def directory(keep):
    """For the JSON of the rounds."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="pagestall-ab-") as temporary:
            yield temporary
        return
    try:
        os.makedirs(keep, exist_ok=True)
        if os.listdir(keep):
            raise BadInput(f"--keep={keep}: not empty; what is there would be mixed up with it")
    except OSError as error:
        raise BadInput(f"make directory '{keep}': {error.strerror}") from error
    yield keep


def one_run(binary, flags, out, when):
    words = [binary, *flags, "--benchmark_repetitions=1"]
    words += [f"--benchmark_out={out}", "--benchmark_out_format=json"]
    code, said = finished(words)
    try:
        done = runs.read(out)
        failed = any(not outcome_of(message).is_answer for _, message in done.errors)
    except BadInput as error:
        if code == 0 and os.path.exists(out):
            raise BadInput(f"run '{binary}' ({when}): {error}") from error
        done, failed = None, False
    if done and (code == 0 or (code == 1 and failed)):
        return done
    how = "it wrote no JSON of a benchmark run"
    if code:
        how = f"exit code {code}" if code > 0 else signal.strsignal(-code) or f"signal {-code}"
    for line in said[:-1]:
        print(printable(line), file=sys.stderr)
    raise BadInput(f"run '{binary}' ({when}): {how}" + (f": {said[-1]}" if said else ""))


def finished(words):
    """(exit code, lines on stderr) of a process. It ends as well if this one is interrupted."""
    with tempfile.TemporaryFile("w+", errors="backslashreplace") as errors:
        code = wait_for(words, errors)
        errors.seek(0)
        return code, errors.read().splitlines()


def wait_for(words, errors):
    """The exit code of the finished process."""
    # A signal that came before the child is known would leave it running.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

    def take_signals():
        for number in ENDING:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    child = None
    try:
        try:
            child = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                preexec_fn=take_signals,
            )  # fmt: skip
        except OSError as error:
            raise BadInput(f"run '{words[0]}': {error.strerror}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return child.wait()
    except BaseException:
        # Not killed at once: it may have a device's read-ahead to put back.
        # The second time ends it at once.
        for end in (child.terminate, child.terminate, child.kill) if child else ():
            end()
            with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                child.wait(timeout=END_SECONDS)
                break
        raise
