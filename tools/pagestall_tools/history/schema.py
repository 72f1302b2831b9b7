"""The tables of the history, and which version of them a database has."""

from sqlalchemy import JSON, Column, DateTime, Float, ForeignKey, Index, Integer, MetaData
from sqlalchemy import String, Table, func, inspect, select, text

from pagestall_tools.runs import BadInput

VERSION = 1

# Any number will do that nothing else in the same PostgreSQL takes.
CREATION_LOCK = 0x7061_6765

METADATA = MetaData()
SCHEMA = Table("pagestall_schema", METADATA, Column("version", Integer, nullable=False))
MACHINES = Table(
    "machines",
    METADATA,
    Column("id", String, primary_key=True),
    Column("fingerprint", JSON, nullable=False),
)
RUNS = Table(
    "runs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("digest", String, nullable=False, unique=True),
    Column("machine", ForeignKey("machines.id"), nullable=False),
    Column("commit", String, nullable=False),
    Column("date", DateTime, nullable=False),
    Column("binary", String, nullable=False),
    Column("context", JSON, nullable=False),
    Index("runs_of_machine", "machine", "date"),
)
REPETITIONS = Table(
    "repetitions",
    METADATA,
    Column("run", ForeignKey("runs.id"), nullable=False),
    Column("row", String, nullable=False),
    Column("index", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("counters", JSON, nullable=False),
    Index("repetitions_of_run", "run", "row"),
)
ERRORS = Table(
    "errors",
    METADATA,
    Column("run", ForeignKey("runs.id"), nullable=False),
    Column("row", String, nullable=False),
    Column("message", String, nullable=False),
    Column("count", Integer, nullable=False),
    Index("errors_of_run", "run"),
)
NOISE = Table(
    "noise",
    METADATA,
    Column("machine", ForeignKey("machines.id"), primary_key=True),
    Column("row", String, primary_key=True),
    Column("date", DateTime, primary_key=True),
    Column("noise", Float, nullable=False),
)


def version(connection):
    """None if there is no history; the largest, should there be several."""
    if not inspect(connection).has_table(SCHEMA.name):
        return None
    return connection.scalar(select(func.max(SCHEMA.c.version)))


def is_empty(connection):
    """Whether nothing was ever added: whatever is, has a machine."""
    return version(connection) is None or not connection.scalar(select(func.count(MACHINES.c.id)))


def create(connection, database):
    """The version: another process may have been quicker."""
    if not database.is_sqlite:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CREATION_LOCK})
    if (known := version(connection)) is not None:
        return known
    if others := inspect(connection).get_table_names():
        raise BadInput(
            f"create history '{database}': something else's database, with the table "
            f"{others[0]} in it; give the history one of its own"
        )
    METADATA.create_all(connection)
    connection.execute(SCHEMA.insert().values(version=VERSION))
    return VERSION
