"""A run's JSON (Google Benchmark's), as its repetitions."""

import dataclasses
import json
import math
import os

from pagestall_tools.words import clipped


class BadInput(Exception):
    """What the user gave cannot be used: one line that says what, where and why."""


# Twice what a day of repetitions takes. What is larger is no run, or has no end (/dev/zero).
MOST_BYTES = 512 << 20
PIECE_BYTES = 1 << 20  # read() of many takes the memory for all at once

# Runs from before scan_threads have a second one, of another value, that nothing here reads.
MAY_DIFFER = {"threads"}

# The library nests objects and lists of a context no deeper than three.
NESTED_TOO_DEEPLY = "it is nested too deeply"
MOST_NESTED = 10

# Seconds. A time beyond, if it is not 0, is no measurement.
SHORTEST, LONGEST = 1e-15, 1e15

# No counter of a real run is as large.
MOST_COUNTED = 1e18

# What the suite's message begins with where a row cannot run on the machine.
NOT_AVAILABLE = "not available here: "

SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}

# Of a scan's repetition: its name here, the counter, how many of the counter's units make one.
COUNTERS = [
    ("stall_ms", "stall_max_us", 1e3),
    ("stall_p99_ms", "stall_p99_us", 1e3),
    ("blocked_ms", "blocked_ms", 1),
    ("cpu_s", "cpu_ms", 1e3),
    ("threads", "scan_threads", 1),
    ("memory_mib", "memory_mib", 1),
]

# What Google Benchmark writes of a repetition beside the user's counters.
ITS_OWN = {
    "family_index", "per_family_instance_index", "repetitions", "repetition_index", "threads",
    "iterations", "real_time", "cpu_time",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Repetition:
    """One that was measured."""

    seconds: float
    counters: dict  # name -> value in the counter's own unit
    index: int  # of the row's repetitions, from 0
    cpu_seconds: float | None = None  # of the benchmark's main thread


@dataclasses.dataclass(frozen=True)
class Run:
    path: str
    context: dict
    rows: dict  # the row's name -> [Repetition], in the file's order; measured ones only
    errors: dict  # (row's name, message) -> how many repetitions

    @property
    def binary(self):
        """The benchmark binary's name, without its directory."""
        return str(self.context.get("executable", "")).rsplit("/", 1)[-1]

    def seconds(self, row):
        return [repetition.seconds for repetition in self.rows[row]]


def read(path):
    """The Run in a file. BadInput if it is not the JSON of a finished run."""
    try:
        run = json.loads(
            content(path), object_pairs_hook=without_doubt, parse_float=finite, parse_int=whole,
            parse_constant=finite,
        )  # fmt: skip
        return parse(path, run)
    except OSError as error:
        raise BadInput(f"read '{path}': {error.strerror}") from error
    except MemoryError as error:
        raise BadInput(f"read '{path}': too large for the memory that there is") from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        cause = str(error)
        if isinstance(error, KeyError):
            cause = f"{error} is missing or unknown"
        elif isinstance(error, RecursionError):  # at which depth is the interpreter's choice
            cause = NESTED_TOO_DEEPLY
        raise BadInput(
            f"read '{path}': not the JSON of a finished benchmark run ({clipped(cause, 200)})"
        ) from error


def content(path):
    """A named pipe that nobody writes to counts as empty: waiting might have no end."""

    def open_at_once(name, flags):
        return os.open(name, flags | os.O_NONBLOCK)

    with open(path, "rb", opener=open_at_once) as file:
        os.set_blocking(file.fileno(), True)
        pieces, size = [], 0
        while size <= MOST_BYTES and (piece := file.read(PIECE_BYTES)):
            pieces.append(piece)
            size += len(piece)
    data = b"".join(pieces)
    if not data:
        raise ValueError("empty")
    if len(data) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES >> 20} MiB")
    return data


def without_doubt(pairs):
    """An object. A name may be there twice, but with one value: with two, one reader takes the
    first and another the last."""
    known = dict(pairs)
    if len(known) < len(pairs):
        for name, value in pairs:
            if value != known[name] and name not in MAY_DIFFER:
                raise ValueError(f"{name!r} twice, with different values")
    return known


def finite(text):
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text}")
    return number


def whole(text):
    """More digits than those of 64 bits are a float's."""
    return int(text) if len(text) <= 20 else finite(text)


def parse(path, run):
    """Of the JSON's value. `path` is what errors call it."""
    if not isinstance(run, dict) or not isinstance(run.get("benchmarks"), list):
        raise TypeError("no list of benchmarks in it")
    context = run.get("context", {})
    if not isinstance(context, dict):
        raise TypeError("context is not an object")
    check_nesting(context)
    rows, errors = {}, {}
    for entry in run["benchmarks"]:
        if not isinstance(entry, dict):
            raise TypeError("a benchmark that is not an object")
        if entry.get("run_type", "iteration") != "iteration":
            continue
        row = entry.get("run_name", entry.get("name"))
        if not isinstance(row, str):
            raise TypeError("a row without a name")
        if entry.get("error_occurred"):
            key = (row, str(entry.get("error_message", "unknown error")))
            errors[key] = errors.get(key, 0) + 1
            continue
        seconds = entry["real_time"] * SECONDS[entry["time_unit"]]
        if seconds != 0 and not SHORTEST <= seconds <= LONGEST:
            raise ValueError(f"a time of {entry['real_time']} {entry['time_unit']}: {row!r}")
        known = rows.setdefault(row, [])
        index = entry.get("repetition_index", len(known))
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < 1 << 31:
            raise TypeError(f"a repetition_index of {index!r}: {row!r}")
        cpu = entry.get("cpu_time")
        cpu = None if cpu is None else cpu * SECONDS[entry["time_unit"]]
        known.append(Repetition(seconds, counters(entry), index, cpu))
    return Run(str(path), context, rows, errors)


def check_nesting(value, most=MOST_NESTED):
    if most == 0:
        raise ValueError(NESTED_TOO_DEEPLY)
    inside = value.values() if isinstance(value, dict) else value
    for one in inside if isinstance(value, (dict, list)) else ():
        check_nesting(one, most - 1)


def counters(entry):
    """The user's counters."""
    return {
        name: float(value)
        for name, value in entry.items()
        if isinstance(value, (int, float))
        and not isinstance(value, bool)
        and name not in ITS_OWN
    }


def axes(run_name):
    """{'exec': 'async', 'io': 'mmap', ...} of a row's name."""
    return dict(part.split(":", 1) for part in run_name.split("/") if ":" in part)


def collect(run):
    """The scans: {shape: {place: {(executor, source): {cache: [repetition]}}}}.

    A shape is (files, MiB of each, stride). A place is (directory, read-ahead in KiB) as far
    as the row's name says, else "".

    A repetition is {"s": seconds}, with those of COUNTERS that are known.
    """
    tables = {}
    for row, repetitions in run.rows.items():
        if not row.startswith("scan/"):
            continue
        axis = axes(row)
        try:
            shape = axis["files"], axis["mib"], axis["stride"]
            place = axis.get("dir", ""), axis.get("read_ahead_kib", "")
            key, cache = (axis["exec"], axis["io"]), axis["cache"]
            int(place[1] or 0)
        except (KeyError, ValueError) as error:
            raise BadInput(f"read '{run.path}': {row!r}: not a scan's name ({error!r})") from error
        if "yield_kib" in axis:
            key = key[0], f"{key[1]}, yields/{axis['yield_kib']} KiB"
        caches = tables.setdefault(shape, {}).setdefault(place, {}).setdefault(key, {})
        for repetition in repetitions:
            known = {"s": repetition.seconds}
            for name, counter, units in COUNTERS:
                value = repetition.counters.get(counter)
                if value is not None and abs(value) < MOST_COUNTED:
                    known[name] = value / units
            caches.setdefault(cache, []).append(known)
    return {
        shape: dict(sorted(places.items(), key=lambda item: (item[0][0], int(item[0][1] or 0))))
        for shape, places in tables.items()
    }


def values(repetitions, key):
    """What is known of `key`."""
    return [one[key] for one in repetitions if key in one]


def count(places):
    """How many repetitions the rows have: "10", "9 to 10"."""
    counts = [
        len(runs)
        for lines in places.values()
        for caches in lines.values()
        for runs in caches.values()
    ]
    return str(min(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def name(place):
    """ "in ext4, read-ahead 128 KiB"; empty where nothing was to be told apart."""
    directory, read_ahead = place
    parts = [f"in {directory}"] if directory else []
    return ", ".join(parts + ([f"read-ahead {read_ahead} KiB"] if read_ahead else []))
