"""Opens the history for whoever needs it, and says what is known there of a machine's noise."""

import os
import sys

from pagestall_tools.bad_input import BadInput
from pagestall_tools.history import database
from pagestall_tools.machine import is_known, machine_id
from pagestall_tools.words import printable


def open_history(where=None, create=False):
    """The Store at a path or URL, else at the default location; made if `create` and there is
    none. BadInput if it cannot be opened, or SQLAlchemy is not installed."""
    try:
        from pagestall_tools.history import store
    except ModuleNotFoundError as error:
        raise BadInput(f"open history: install the package python3-sqlalchemy ({error})") from error
    return store.open_store(database.default_location() if where is None else where, create)


def known_noise(where, context):
    """{row: fraction} of what equal runs on a context's machine differed by, as measured last.
    Empty where the machine is unknown, and where no history was begun yet and none is asked for;
    of one that the environment names, that is said on stderr."""
    return noise_of(known_noises(where), context)


def noise_of(noises, context):
    return noises.get(machine_id(context), {}) if is_known(context) else {}


def known_noises(where):
    """{machine's ID: as known_noise()} of every machine, for who does not know yet which it is."""
    location = database.default_location() if where is None else where
    if where is None and location == str(database.DEFAULT) and not os.path.exists(location):
        return {}
    try:
        with open_history(where) as history:
            return history.noises()
    except database.NotBegun as error:
        if where is not None:
            raise
        print(
            f"note: {database.VARIABLE}: {printable(error)}; until then no measured noise counts",
            file=sys.stderr,
        )
        return {}
