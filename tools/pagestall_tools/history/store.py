"""The history: runs of every machine, in a SQLite file or in PostgreSQL. One process or many
may add at once; a run is there as a whole or not at all."""

import collections
import dataclasses
import datetime
import hashlib
import json
import statistics

from sqlalchemy import and_, func, or_, select

from pagestall_tools import left_out
from pagestall_tools.bad_input import BadInput
from pagestall_tools.entries import Repetition
from pagestall_tools.history import schema
from pagestall_tools.history.database import Database, NotBegun
from pagestall_tools.history.dates import date_of, utc
from pagestall_tools.history.schema import ERRORS, MACHINES, NOISE, REPETITIONS, RUNS
from pagestall_tools.history.stored import Damaged
from pagestall_tools.machine import fingerprint, machine_id
from pagestall_tools.outcome import ANSWERS
from pagestall_tools.words import keepable

MESSAGE = func.coalesce(ERRORS.c.message, "")
IS_FAILURE = and_(*(~MESSAGE.startswith(one.value, autoescape=True) for one in ANSWERS))

# A row that failed in some of a run's repetitions is no measurement: the others are not what
# they would be without.
IS_WHOLE = (
    ~select(ERRORS)
    .where(ERRORS.c.run == REPETITIONS.c.run, ERRORS.c.row == REPETITIONS.c.row, IS_FAILURE)
    .correlate(REPETITIONS)
    .exists()
)

# Rows that were skipped stand as 0 in a history from before that was known.
SECONDS = func.coalesce(REPETITIONS.c.seconds, -1)
IS_TIME = or_(SECONDS != 0, REPETITIONS.c.row.contains("/manual_time"))

# Columns that say whose record it is.
IDENTITY = ["id", "machine", "run", "row"]


@dataclasses.dataclass(frozen=True)
class Summary:
    """Of a run: how many rows were measured, how often, and how many failed."""

    date: datetime.datetime
    commit: str
    binary: str
    rows: int
    repetitions: int
    failed: int


@dataclasses.dataclass(frozen=True)
class Sample:
    """What a run measured of a row."""

    run: int  # its key
    date: datetime.datetime
    commit: str
    repetitions: list  # [Repetition], without their CPU time

    @property
    def seconds(self):
        return [one.seconds for one in self.repetitions]

    @property
    def median(self):
        return statistics.median(self.seconds)


def open_store(where, create=True):
    """The Store at a path or URL. If `create` and there is none it is made, and its file is gone
    again when it is closed unless something was added. BadInput if it cannot be reached, is
    something else's database, or is newer than this program."""
    database = Database(where, create)
    try:
        return Store(database, create)
    except BaseException:
        leave(database)
        raise


def leave(database):
    """Closes it. A file that this process has made goes, if nobody has added anything."""
    if database.made:
        try:
            with database.transaction("look into", writes=True) as connection:
                if schema.is_empty(connection):
                    database.discard()
        except BadInput as error:  # for want of room even for that; or somebody adds for long
            if "locked" not in str(error):
                database.discard()
    database.close()


class Store:
    """Is a context manager. Every method raises BadInput if the database cannot do it."""

    def __init__(self, database, create):
        self.database = database
        self.damaged = collections.Counter()  # (whose, what) -> how many records were left out
        with database.transaction("open history") as connection:
            version = schema.version_of(connection)
        if version is not None and version < schema.VERSION:
            with database.transaction("upgrade history", writes=True) as connection:
                schema.upgrade(connection, database)
        elif create and version is None:
            with database.transaction("create history", writes=True) as connection:
                schema.create(connection, database)
        elif version is None:
            raise NotBegun(
                f"open history '{database}': no history in it; tools/pagestall history add "
                "RUN.json begins one"
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        leave(self.database)
        left_out.say((self.database, *one, count) for one, count in self.damaged.items())

    def add(self, run):
        """Whether it was added: False if it is there already."""
        machine = machine_id(run.context)
        row = {
            "digest": digest(run),
            "machine": machine,
            "commit": keepable(str(run.context.get("commit", ""))),
            "date": date_of(run),
            "binary": keepable(run.binary),
            "context": run.context,
        }
        with self.database.transaction(f"add '{run.path}' to", writes=True) as connection:
            its_key = select(RUNS.c.id).where(RUNS.c.digest == row["digest"])
            self._add_machine(connection, machine, fingerprint(run.context))
            if (known := connection.scalar(its_key)) is not None:
                # It may have been added when its machine was told by less.
                its_machine = RUNS.update().where(RUNS.c.id == known).values(machine=machine)
                connection.execute(its_machine.where(RUNS.c.machine != machine))
                return False
            insert = self.database.insert(RUNS).values(row).on_conflict_do_nothing()
            if connection.execute(insert).rowcount == 0:
                return False  # somebody was quicker
            key = connection.scalar(its_key)
            for table, rows in ((REPETITIONS, repetitions_of(run)), (ERRORS, errors_of(run))):
                if rows:
                    connection.execute(table.insert(), [{"run": key} | one for one in rows])
        self.database.made.clear()
        return True

    def _add_machine(self, connection, machine, its_fingerprint):
        values = {"id": machine, "fingerprint": its_fingerprint}
        connection.execute(
            self.database.insert(MACHINES).values(values).on_conflict_do_nothing()
        )

    def add_noise(self, machine, its_fingerprint, noise, date):
        """What equal runs differed by, {row: fraction}, at `date` (text as in a run's context,
        or a datetime)."""
        with self.database.transaction("add noise to", writes=True) as connection:
            self._add_machine(connection, machine, its_fingerprint)
            for row, fraction in noise.items():
                insert = self.database.insert(NOISE).values(
                    machine=machine, row=row, date=utc(date), noise=fraction
                )
                key = [NOISE.c.machine, NOISE.c.row, NOISE.c.date]
                connection.execute(
                    insert.on_conflict_do_update(index_elements=key, set_={"noise": fraction})
                )
        self.database.made.clear()

    def noises(self):
        """{machine: {row: fraction}}, each as it was measured last."""
        query = select(NOISE.c.machine, NOISE.c.row, NOISE.c.date, NOISE.c.noise)
        noises = {}
        for machine, row, _, fraction in self._read(query.order_by(NOISE.c.date)):
            noises.setdefault(machine, {})[row] = fraction
        return noises

    def noise(self, machine):
        """{row: fraction} of one."""
        return self.noises().get(machine, {})

    def machines(self):
        """{id: fingerprint}; an empty one where it is not known."""
        of_runs = self._read(select(RUNS.c.machine).distinct())
        known = self._read(select(MACHINES.c.id, MACHINES.c.fingerprint))
        return dict(sorted({**{one: {} for (one,) in of_runs}, **dict(known)}.items()))

    def runs(self, machine):
        """A Summary of each, in order of date."""
        measured = (
            select(
                REPETITIONS.c.run,
                func.count(REPETITIONS.c.row.distinct()).label("rows"),
                func.count().label("repetitions"),
            )
            .group_by(REPETITIONS.c.run)
            .subquery()
        )
        failed = (
            select(ERRORS.c.run, func.count(ERRORS.c.row.distinct()).label("rows"))
            .where(IS_FAILURE)
            .group_by(ERRORS.c.run)
            .subquery()
        )
        counts = (measured.c.rows, measured.c.repetitions, failed.c.rows)
        query = (
            select(RUNS.c.id.label("run"), RUNS.c.date, RUNS.c.commit, RUNS.c.binary, *counts)
            .outerjoin(measured, measured.c.run == RUNS.c.id)
            .outerjoin(failed, failed.c.run == RUNS.c.id)
            .where(RUNS.c.machine == machine)
            .order_by(RUNS.c.date, RUNS.c.id)
        )
        return [Summary(*line[1:4], *(one or 0 for one in line[4:])) for line in self._read(query)]

    def rows(self, machine):
        """Every (row, binary) that was measured in some run without a failure."""
        query = (
            select(REPETITIONS.c.row, RUNS.c.binary)
            .join(RUNS, RUNS.c.id == REPETITIONS.c.run)
            .where(RUNS.c.machine == machine, IS_WHOLE, IS_TIME)
            .distinct()
        )
        return sorted(self._read(query))

    def contexts(self, machine, binary, before=None):
        """{key: context} of its runs on the machine (None: any), in order of date; of those that
        were made before a Run (or in the same second) if it is given."""
        its_binary = RUNS.c.binary == keepable(binary)
        query = select(RUNS.c.id.label("run"), RUNS.c.date, RUNS.c.context).where(its_binary)
        if machine is not None:
            query = query.where(RUNS.c.machine == machine)
        if before is not None:
            query = query.where(RUNS.c.digest != digest(before))
        return {
            run: context
            for run, date, context in self._read(query.order_by(RUNS.c.date, RUNS.c.id))
            if before is None or date <= date_of(before)
        }

    def samples(self, runs, last=None, row=None):
        """{row: [Sample]} of the runs with these keys: of each row, or of the one, the `last`
        that measured it (else all), in order of date. Where a row failed, it is left out."""
        age = func.dense_rank().over(
            partition_by=REPETITIONS.c.row, order_by=(RUNS.c.date.desc(), RUNS.c.id.desc())
        )
        query = (
            select(RUNS.c.date, RUNS.c.commit, REPETITIONS, age.label("age"))
            .join(RUNS, RUNS.c.id == REPETITIONS.c.run)
            .where(RUNS.c.id.in_(runs), IS_WHOLE, IS_TIME)
        )
        if row is not None:
            query = query.where(REPETITIONS.c.row == row)
        ranked = query.subquery()
        of_run = (ranked.c.row, ranked.c.run, ranked.c.date, ranked.c.commit)
        of_repetition = (ranked.c.seconds, ranked.c.counters, ranked.c.index)
        order = (ranked.c.row, ranked.c.age.desc(), ranked.c.index)
        query = select(*of_run, *of_repetition).order_by(*order)
        if last is not None:
            query = query.where(ranked.c.age <= last)
        samples = {}
        for its_row, run, date, commit, *one in self._read(query):
            known = samples.setdefault(its_row, {})
            its = known.setdefault(run, Sample(run, date, commit, []))
            its.repetitions.append(Repetition(*one))
        return {its_row: list(known.values()) for its_row, known in samples.items()}

    def failures(self, runs):
        """{row: {message: in how many}} of the runs with these keys."""
        query = (
            select(ERRORS.c.row, ERRORS.c.message, func.count())
            .where(ERRORS.c.run.in_(runs), IS_FAILURE)
            .group_by(ERRORS.c.row, ERRORS.c.message)
            .order_by(ERRORS.c.row, ERRORS.c.message)
        )
        failures = {}
        for row, message, count in self._read(query):
            failures.setdefault(row, {})[message] = count
        return failures

    def _read(self, query):
        """Its records, as tuples. What is damaged is left out, and named when all is done."""
        with self.database.transaction("read history") as connection:
            found = connection.execute(query)
            names, records = list(found.keys()), found.all()
        whole = []
        for record in records:
            damaged = [name for name, one in zip(names, record) if isinstance(one, Damaged)]
            if damaged:
                known = dict(zip(names, record))
                whose = ", ".join(f"{name} {known[name]}" for name in IDENTITY if name in known)
                what = ", ".join(f"{name} is {known[name]}" for name in damaged)
                self.damaged[whose, f"damaged: {what}"] += 1
            else:
                whole.append(tuple(record))
        return whole


def repetitions_of(run):
    return [
        {"row": row, "index": one.index, "seconds": one.seconds, "counters": one.counters}
        for row, repetitions in run.rows.items()
        for one in repetitions
    ]


def keepable_errors(run):
    known = collections.Counter()
    for (row, message), count in run.errors.items():
        known[row, keepable(message)] += count
    return known


def errors_of(run):
    return [
        {"row": row, "message": message, "count": count}
        for (row, message), count in keepable_errors(run).items()
    ]


def digest(run):
    """The same for the same run, wherever its file is, and whatever this program reads of its
    counters: it is of the context, the times and the errors."""
    times = [
        [row, one.index, one.seconds] for row, reps in run.rows.items() for one in reps
    ]
    errors = [[row, message, count] for (row, message), count in run.errors.items()]
    content = json.dumps([run.context, times, errors], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
