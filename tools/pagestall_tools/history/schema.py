"""The tables of the history, which version of them a database has, and how it gets to this one."""

import itertools

from sqlalchemy import Column, ForeignKey, Index, MetaData, Table, func, inspect, select, text

from pagestall_tools.bad_input import BadInput
from pagestall_tools.history.database import DAMAGED
from pagestall_tools.history.stored import Figure, Moment, Numbers, Object, Text, Whole

# The first are the statements that make version 2 of version 1, in SQLite and in PostgreSQL, and so
# on: what was released is never changed. They bring METADATA's new columns to a history that is kept.
UPGRADES = ()
VERSION = 1 + len(UPGRADES)

# Any number will do that nothing else in the same PostgreSQL takes.
CREATION_LOCK = 0x7061_6765

METADATA = MetaData()
SCHEMA = Table("pagestall_schema", METADATA, Column("version", Whole, nullable=False))
MACHINES = Table(
    "machines",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("fingerprint", Object, nullable=False),
)
RUNS = Table(
    "runs",
    METADATA,
    Column("id", Whole, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("machine", ForeignKey("machines.id"), nullable=False),
    Column("commit", Text, nullable=False),
    Column("date", Moment, nullable=False),
    Column("binary", Text, nullable=False),
    Column("context", Object, nullable=False),
    Index("runs_of_machine", "machine", "date"),
)
REPETITIONS = Table(
    "repetitions",
    METADATA,
    Column("run", ForeignKey("runs.id"), nullable=False),
    Column("row", Text, nullable=False),
    Column("index", Whole, nullable=False),
    Column("seconds", Figure, nullable=False),
    Column("counters", Numbers, nullable=False),
    Index("repetitions_of_run", "run", "row"),
)
ERRORS = Table(
    "errors",
    METADATA,
    Column("run", ForeignKey("runs.id"), nullable=False),
    Column("row", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("count", Whole, nullable=False),
    Index("errors_of_run", "run"),
)
NOISE = Table(
    "noise",
    METADATA,
    Column("machine", ForeignKey("machines.id"), primary_key=True),
    Column("row", Text, primary_key=True),
    Column("date", Moment, primary_key=True),
    Column("noise", Figure, nullable=False),
)


def version_of(connection):
    """None if there is no history. ValueError if there is one that this program cannot use."""
    if not inspect(connection).has_table(SCHEMA.name):
        return None
    refuse_missing(connection, [SCHEMA])
    known = connection.scalar(select(func.max(SCHEMA.c.version)))
    if isinstance(known, int) and known > VERSION:
        raise ValueError(
            f"its schema has version {known}, and this program knows {VERSION}: use a newer "
            "checkout"
        )
    if not isinstance(known, int) or known < 1:
        raise ValueError(f"its schema has version {known}; {DAMAGED}")
    if known == VERSION:
        refuse_missing(connection, METADATA.tables.values())
    return known


def refuse_missing(connection, tables):
    """ValueError if one is not there, or has not all of its columns."""
    database = inspect(connection)
    for table in tables:
        if not database.has_table(table.name):
            raise ValueError(f"it has no table {table.name}; {DAMAGED}")
        there = {one["name"] for one in database.get_columns(table.name)}
        if missing := [one.name for one in table.columns if one.name not in there]:
            raise ValueError(f"its table {table.name} has no column {missing[0]}; {DAMAGED}")


def is_empty(connection):
    """Whether nothing was ever added: whatever is, has a machine."""
    return version_of(connection) is None or not connection.scalar(select(func.count(MACHINES.c.id)))


def create(connection, database):
    """Unless another process was quicker."""
    take_turns(connection, database)
    if version_of(connection) is not None:
        return
    if others := inspect(connection).get_table_names():
        raise BadInput(
            f"create history '{database}': something else's database, with the table "
            f"{others[0]} in it; give the history one of its own"
        )
    METADATA.create_all(connection)
    connection.execute(SCHEMA.insert().values(version=VERSION))


def upgrade(connection, database):
    """To VERSION, unless another process was quicker. As a whole, as the connection's transaction
    is: what ends it leaves the version that it was."""
    take_turns(connection, database)
    for statement in itertools.chain(*UPGRADES[version_of(connection) - 1 :]):
        connection.exec_driver_sql(statement)
    connection.execute(SCHEMA.update().values(version=VERSION))
    refuse_missing(connection, METADATA.tables.values())


def take_turns(connection, database):
    """SQLite's writers do so anyway."""
    if not database.is_sqlite:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CREATION_LOCK})
