"""Opens the history for whoever needs it, and says what is known there of a machine's noise."""

import os

from pagestall_tools.history import database
from pagestall_tools.runs import BadInput


def open_history(where=None, create=False):
    """The Store at a path or URL, else at the default location; made if `create` and there is
    none. BadInput if it cannot be opened, or SQLAlchemy is not installed."""
    try:
        from pagestall_tools.history import store
    except ModuleNotFoundError as error:
        raise BadInput(f"open history: install the package python3-sqlalchemy ({error})") from error
    return store.open_store(database.default_location() if where is None else where, create)


def known_noise(where, machine_id):
    """{row: fraction} of what equal runs on the machine differed by, as measured last. Empty
    where no history was begun at the default location and none other is asked for."""
    return known_noises(where).get(machine_id, {})


def known_noises(where):
    """{machine's ID: as known_noise()} of every machine, for who does not know yet which it is."""
    location = database.default_location() if where is None else where
    if where is None and location == str(database.DEFAULT) and not os.path.exists(location):
        return {}
    with open_history(where) as history:
        return {machine: history.noise(machine) for machine in history.machines()}
