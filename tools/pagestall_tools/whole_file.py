"""Writes a file that is there as a whole or not at all."""

import os
import stat
import tempfile

from pagestall_tools.bad_input import BadInput


def write_whole(path, data):
    """Text is written as UTF-8. Until all is written, what is at the path stays; if it cannot
    be, nothing is left of it. A symbolic link stays one: the file it leads to is replaced. A
    device or a pipe (/dev/stdout) is written to as it is. BadInput if the file cannot be
    written."""
    if isinstance(data, str):
        data = data.encode(errors="backslashreplace")
    try:
        if is_special(path):
            with open(path, "wb") as file:
                file.write(data)
        else:
            replace(os.path.realpath(path), data)
    except BrokenPipeError:  # nobody reads on, which is no error
        raise
    except OSError as error:
        raise BadInput(f"write '{path}': {error.strerror}") from error


def is_special(path):
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return False


def replace(path, data):
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".unfinished.")
    try:
        with open(handle, "wb") as file:
            file.write(data)
            mask = os.umask(0)
            os.umask(mask)
            os.fchmod(file.fileno(), 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
