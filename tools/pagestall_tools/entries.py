"""An entry of a run's list of benchmarks: a repetition, an aggregate, or why it is neither."""

import collections
import dataclasses
import math
import re

from pagestall_tools.words import clipped

# Seconds. A time beyond, if it is not 0, is no measurement.
SHORTEST, LONGEST = 1e-15, 1e15

SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}

# What Google Benchmark writes of a repetition beside the user's counters.
ITS_OWN = {
    "family_index", "per_family_instance_index", "repetitions", "repetition_index", "threads",
    "iterations", "real_time", "cpu_time",
}  # fmt: skip
ITS_TEXTS = {
    "name", "run_name", "run_type", "time_unit", "label", "aggregate_name", "aggregate_unit",
    "error_message", "skip_message",
}  # fmt: skip

# Runs from before scan_threads have a second one, of another value, that nothing here reads.
MAY_DIFFER = {"threads"}

# Of a complexity, which is no row's.
OF_A_FAMILY = {"BigO", "RMS"}

# How 1.4 and older, which write no run_type, name an aggregate.
OLD_AGGREGATE = re.compile(r"(.+)_(mean|median|stddev|cv|BigO|RMS)", re.DOTALL)

MOST_OF_A_STATISTIC = 100  # characters that its name has


class NoMeasurement(Exception):
    """Why an entry is no repetition, in a few words."""


class Doubtful(dict):
    """An object with names that are there twice, with different values."""

    twice = ()


@dataclasses.dataclass(frozen=True)
class Repetition:
    """One that was measured."""

    seconds: float
    counters: dict  # name -> value in the counter's own unit
    index: int  # of the row's repetitions, from 0
    cpu_seconds: float | None = None  # of the benchmark's main thread


def without_doubt(pairs):
    """An object. A name may be there twice, but with one value: with two, one reader takes the
    first and another the last."""
    known = dict(pairs)
    if len(known) == len(pairs):
        return known
    twice = {
        name: None for name, value in pairs if value != known[name] and name not in MAY_DIFFER
    }
    if not twice:
        return known
    known = Doubtful(known)
    known.twice = tuple(twice)
    return known


def twice(entry):
    return entry.twice if isinstance(entry, Doubtful) else ()


def name_of(entry):
    """The row's; "" without one."""
    if not isinstance(entry, dict) or {"name", "run_name"} & {*twice(entry)}:
        return ""
    name = entry.get("run_name", entry.get("name"))
    return name if isinstance(name, str) else ""


def aggregated_rows(entries):
    """A list as long as `entries`: of each that is an aggregate the name of its row ("" for a
    complexity, which is no row's); None for others."""
    old = [
        one["name"]
        for one in entries
        if isinstance(one, dict) and "run_type" not in one and isinstance(one.get("name"), str)
    ]
    names = collections.Counter(old)
    return [aggregated_row(one, names) for one in entries]


def aggregated_row(entry, old_names):
    if not isinstance(entry, dict):
        return None
    if "run_type" in entry:
        if entry["run_type"] == "iteration":
            return None
        return "" if entry.get("aggregate_name") in OF_A_FAMILY else name_of(entry)
    name = entry.get("name")
    its = OLD_AGGREGATE.fullmatch(str(name))
    if not its:
        return old_statistics_row(name, old_names)
    stem, kind = its.groups()
    if kind in OF_A_FAMILY:
        return "" if "real_time" not in entry or f"{stem}_RMS" in old_names else None
    # Who has a name with such an end for himself has it with every repetition.
    is_aggregate = old_names[name] == 1 and (old_names[stem] > 1 or is_aggregated(stem, old_names))
    return stem if is_aggregate else None


def old_statistics_row(name, old_names):
    """The row of an aggregate whose end is the user's own (ComputeStatistics); None if it is
    none. It is there once, and beside it are the row's repetitions and usual aggregates."""
    if not isinstance(name, str) or old_names[name] > 1:
        return None
    for at in range(max(1, len(name) - MOST_OF_A_STATISTIC), len(name) - 1):
        stem = name[:at]
        if name[at] == "_" and old_names[stem] > 1 and is_aggregated(stem, old_names):
            return stem
    return None


def is_aggregated(stem, old_names):
    return f"{stem}_mean" in old_names and f"{stem}_stddev" in old_names


def measured(entry, index):
    """(Repetition, {counter or "cpu_time": why it is left out}). NoMeasurement if it is none.
    `index`: that of a repetition that does not say which it is."""
    unit = known(entry, "time_unit")
    if not isinstance(unit, str) or unit not in SECONDS:
        raise NoMeasurement(f"time_unit is {shown(unit)}")
    seconds = number(entry, "real_time") * SECONDS[unit]
    may_be_none = seconds == 0 and "/manual_time" in name_of(entry)
    if not may_be_none and not SHORTEST <= seconds <= LONGEST:
        raise NoMeasurement(f"a time of {entry['real_time']} {unit}, which nothing takes")
    index = index_of(entry, index)
    cpu_seconds, counters, left_out = None, {}, {}
    for name, value in entry.items():
        try:
            if name == "cpu_time":
                cpu_seconds = cpu_time(entry, unit)
            elif is_counter(name, value):
                counters[name] = float(number(entry, name))
        except NoMeasurement as error:
            left_out[name] = str(error)
    return Repetition(seconds, counters, index, cpu_seconds), left_out


def index_of(entry, index):
    if "repetition_index" not in entry:
        return index
    index = known(entry, "repetition_index")
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < 1 << 31:
        raise NoMeasurement(f"repetition_index is {shown(index)}")
    return index


def cpu_time(entry, unit):
    seconds = number(entry, "cpu_time") * SECONDS[unit]
    if not 0 <= seconds <= LONGEST:
        raise NoMeasurement(f"cpu_time is {entry['cpu_time']} {unit}")
    return seconds


def is_counter(name, value):
    """Of the user's, or what would be one with a number in place of null."""
    return (value is None or is_number(value)) and name not in ITS_OWN | ITS_TEXTS


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def known(entry, name):
    if name in twice(entry):
        raise NoMeasurement(f"{clipped(name, 60)!r} twice, with different values")
    if name not in entry:
        raise NoMeasurement(f"no {name}")
    return entry[name]


def number(entry, name):
    value = known(entry, name)
    if not is_number(value) or not math.isfinite(value):
        raise NoMeasurement(f"{clipped(name, 60)} is {shown(value)}")
    return value


def shown(value):
    return "null" if value is None else clipped(repr(value), 60)
