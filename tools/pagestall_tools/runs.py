"""A run's JSON (Google Benchmark's), as its repetitions."""

import dataclasses
import json
import math


class BadInput(Exception):
    """What the user gave cannot be used: one line that says what, where and why."""


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
        with open(path, encoding="utf-8") as file:
            run = json.load(file, parse_constant=refuse_constant)
        return parse(path, run)
    except OSError as error:
        raise BadInput(f"read '{path}': {error.strerror}") from error
    except (
        ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError
    ) as error:  # fmt: skip
        raise BadInput(
            f"read '{path}': not the JSON of a finished benchmark run ({error!r})"
        ) from error


def refuse_constant(name):
    raise ValueError(f"{name} in JSON")


def parse(path, run):
    """Of the JSON's value. `path` is what errors call it."""
    context = run.get("context", {})
    if not isinstance(context, dict):
        raise TypeError("context is not an object")
    rows, errors = {}, {}
    for entry in run["benchmarks"]:
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
        if not math.isfinite(seconds) or seconds < 0:
            raise ValueError(f"{row!r}: a time of {entry['real_time']}")
        known = rows.setdefault(row, [])
        index = entry.get("repetition_index", len(known))
        if not isinstance(index, int) or isinstance(index, bool):
            raise TypeError(f"{row!r}: a repetition_index of {index!r}")
        cpu = entry.get("cpu_time")
        cpu = None if cpu is None else cpu * SECONDS[entry["time_unit"]]
        known.append(Repetition(seconds, counters(entry), index, cpu))
    return Run(str(path), context, rows, errors)


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
                if counter in repetition.counters:
                    known[name] = repetition.counters[counter] / units
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
