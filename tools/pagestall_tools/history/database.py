"""Reaches a database: a SQLite file, or a PostgreSQL server by its URL."""

import contextlib
import json
import os
import pathlib
import sqlite3
import stat

from pagestall_tools.bad_input import BadInput

DEFAULT = pathlib.Path(__file__).resolve().parents[3] / "results/history.sqlite"
VARIABLE = "PAGESTALL_DB"

# How long a process waits for another that writes, and for a server that does not answer.
BUSY_SECONDS = 60
CONNECT_SECONDS = 10

DRIVER = "PostgreSQL takes the driver psycopg2: install the package python3-psycopg2"
FORM = (
    "not a URL of a database; the form is postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with "
    "%40 for @ and %2F for / in a password"
)
DAMAGED = "it is damaged: restore it from a copy, or name another by --db"
MAY_NOT = "allow writing to the file and its directory, or name another by --db"

# Of an error that SQLite gives a number to.
WHAT_TO_DO = {
    sqlite3.SQLITE_BUSY: "another process writes to it for long: try again when that has ended",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_FULL: "make room where it is",
    sqlite3.SQLITE_IOERR: "make room where it is, or see what its disk says",
    sqlite3.SQLITE_NOTADB: "name another by --db, or restore it from a copy",
    sqlite3.SQLITE_READONLY: MAY_NOT,
    sqlite3.SQLITE_CANTOPEN: MAY_NOT,
}  # fmt: skip


class NotBegun(BadInput):
    """There is no history yet."""


def default_location():
    return os.environ.get(VARIABLE) or str(DEFAULT)


class Database:
    """Of a path or URL, which it shows without its password."""

    def __init__(self, where, create):
        """Makes the SQLite file and its directory (not the one above) if `create`."""
        self.url = parse(str(where))
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.made = []  # paths, while nothing was added: what discard() takes away
        self.path = None
        if self.is_sqlite and "uri" not in self.url.query:
            self.path = self.url.database
        self.engine = engine(self.url, self.is_sqlite)
        if self.path is not None:
            try:
                open_file(self.path, create, self.made)
            except BaseException:
                self.discard()
                raise

    def __str__(self):
        shown = self.url.set(password=None, query={})
        return shown.database if self.is_sqlite else shown.render_as_string()

    @contextlib.contextmanager
    def transaction(self, operation, writes=False):
        """A connection in a transaction, which an exception rolls back. BadInput if the
        database cannot do it."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self.engine.connect().execution_options(pagestall_writes=writes) as connection:
                with connection.begin():
                    yield connection
            if writes and self.path is not None and not os.path.exists(self.path):
                raise ValueError("somebody has removed the file meanwhile; try again")
        except (SQLAlchemyError, ValueError, OverflowError) as error:
            cause = getattr(error, "orig", None) or error
            text = " ".join(str(cause).split())
            code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # without what extends it
            text += f"; {WHAT_TO_DO[code]}" if code in WHAT_TO_DO else ""
            for secret in (self.url.password, self.url.query.get("password")):
                text = text.replace(secret, "***") if secret else text
            raise BadInput(f"{operation} '{self}': {text}") from error

    def insert(self, table):
        """That has on_conflict_do_nothing() and on_conflict_do_update()."""
        from sqlalchemy.dialects import postgresql, sqlite

        return (sqlite if self.is_sqlite else postgresql).insert(table)

    def discard(self):
        """Takes away the file that it has made, and the directory if that is empty then."""
        for path in self.made:
            with contextlib.suppress(OSError):
                if os.path.isdir(path):
                    os.rmdir(path)
                else:
                    os.unlink(path)
                    os.unlink(f"{path}-journal")  # where a transaction could not even be undone

    def close(self):
        self.engine.dispose()


def parse(where):
    from sqlalchemy.engine import URL, make_url
    from sqlalchemy.exc import ArgumentError

    scheme, separator, rest = where.partition("://")
    if not separator:
        return URL.create("sqlite", database=where)
    known = {"postgres": "postgresql", "postgresql": "postgresql", "sqlite": "sqlite"}
    dialect, plus, driver = scheme.partition("+")
    if dialect not in known:
        raise BadInput(
            f"open history '{scheme}://...': only postgresql:// and SQLite files are known"
        )
    try:
        url = make_url(f"{known[dialect]}{plus}{driver}://{rest}")
    except (ArgumentError, ValueError):
        url = None  # whose message has the password in it
    if url is None or "@" in (url.host or "") or (dialect == "sqlite" and not url.database):
        raise BadInput(f"open history '{scheme}://...': {FORM}") from None
    return url


def open_file(path, create, made):
    """Appends what it has made to `made`, the file first."""
    try:
        if create and not os.path.isdir(directory := os.path.dirname(path) or "."):
            os.mkdir(directory)
            made.append(directory)
        if create and not os.path.exists(path):
            target = os.path.realpath(path)
            with contextlib.suppress(FileExistsError):  # somebody was quicker
                os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
                made.insert(0, target)
        refuse_no_file(path, os.O_RDWR if create else os.O_RDONLY)
    except FileNotFoundError as error:
        if create:
            raise BadInput(f"open history '{path}': {error.strerror}") from error
        how = "tools/pagestall history add RUN.json makes it"
        raise NotBegun(f"open history '{path}': {error.strerror}; {how}") from error
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise BadInput(f"open history '{path}': {cause}") from error


def refuse_no_file(path, flags):
    """SQLite would wait for who writes to a pipe, and take a device for an empty database."""
    handle = os.open(path, flags | os.O_NONBLOCK)
    try:
        mode = os.fstat(handle).st_mode
    finally:
        os.close(handle)
    if not stat.S_ISREG(mode):
        raise ValueError("Is a directory" if stat.S_ISDIR(mode) else "not a file")


def engine(url, is_sqlite):
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    wait = {"timeout": BUSY_SECONDS} if is_sqlite else {"connect_timeout": CONNECT_SECONDS}
    scheme = f"open history '{url.drivername}://...'"
    try:
        made = create_engine(
            url,
            future=True,
            poolclass=NullPool,
            connect_args={key: value for key, value in wait.items() if key not in url.query},
            json_serializer=lambda value: json.dumps(value, allow_nan=False),
        )
    except ModuleNotFoundError as error:
        raise BadInput(f"{scheme}: {DRIVER} ({error})") from error
    except (SQLAlchemyError, TypeError, ValueError) as error:
        raise BadInput(f"{scheme}: {FORM}") from error
    if is_sqlite:
        event.listen(made, "connect", prepare)
        event.listen(made, "begin", begin)
    return made


def prepare(connection, _):
    """Lets a text that is not UTF-8 spoil no more than itself, and leaves transactions alone:
    Python's sqlite3 would begin none before CREATE TABLE or SELECT, and a late one before
    INSERT: docs.sqlalchemy.org, "Serializable isolation / Savepoints / Transactional DDL"."""
    connection.isolation_level = None
    connection.text_factory = lambda data: data.decode(errors="surrogateescape")


def begin(connection):
    """Writers take turns from the start: one that had only read before could not wait."""
    writes = connection.get_execution_options().get("pagestall_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
