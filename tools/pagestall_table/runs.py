"""A run's JSON, as its repetitions."""

import json


class BadInput(Exception):
    pass


# What the suite's message begins with where a row cannot run on the machine.
NOT_AVAILABLE = "not available here: "

SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}

# Of a repetition: its name here, the counter, how many of the counter's units make one.
COUNTERS = [
    ("stall_ms", "stall_max_us", 1e3),
    ("stall_p99_ms", "stall_p99_us", 1e3),
    ("blocked_ms", "blocked_ms", 1),
    ("cpu_s", "cpu_ms", 1e3),
    ("threads", "threads", 1),
    ("memory_mib", "memory_mib", 1),
]


def load(path):
    """The binary's name, the scans and the errors of a run's JSON, see collect()."""
    try:
        with open(path, encoding="utf-8") as file:
            run = json.load(file)
        binary = run.get("context", {}).get("executable", "").rsplit("/", 1)[-1]
        return binary, *collect(run["benchmarks"])
    except OSError as error:
        raise BadInput(f"read '{path}': {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"read '{path}': not the JSON of a finished benchmark run ({error!r})"
        ) from error


def axes(run_name):
    """{'exec': 'async', 'io': 'mmap', ...} of a row's name."""
    return dict(part.split(":", 1) for part in run_name.split("/") if ":" in part)


def collect(benchmarks):
    """{shape: {place: {(executor, source): {cache: [repetition]}}}} and {(row, message): count}.

    A place is (directory, read-ahead in KiB) as far as the row's name says, else "".

    A repetition is {"s": seconds}, with those of COUNTERS that are known.
    """
    tables, errors = {}, {}
    for run in benchmarks:
        if run.get("run_type") != "iteration":
            continue
        row = run["run_name"]
        if not row.startswith("scan/"):
            continue
        if run.get("error_occurred"):
            key = (row, run.get("error_message", "unknown error"))
            errors[key] = errors.get(key, 0) + 1
            continue
        axis = axes(row)
        shape = axis["files"], axis["mib"], axis["stride"]
        source = axis["io"]
        if "yield_kib" in axis:
            source += f", yields/{axis['yield_kib']} KiB"
        repetition = {"s": run["real_time"] * SECONDS[run["time_unit"]]}
        for name, counter, units in COUNTERS:
            if counter in run:
                repetition[name] = run[counter] / units
        place = axis.get("dir", ""), axis.get("read_ahead_kib", "")
        lines = tables.setdefault(shape, {}).setdefault(place, {})
        caches = lines.setdefault((axis["exec"], source), {})
        caches.setdefault(axis["cache"], []).append(repetition)
    in_order = {
        shape: dict(sorted(places.items(), key=lambda item: (item[0][0], int(item[0][1] or 0))))
        for shape, places in tables.items()
    }
    return in_order, errors


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
