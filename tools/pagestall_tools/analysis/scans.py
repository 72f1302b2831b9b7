"""The scans of a run, beside each other."""

from pagestall_tools.analysis.figures import median
from pagestall_tools.analysis.row_names import axes, is_scan
from pagestall_tools.runs import MOST_COUNTED

HAZARD = ("async", "mmap")

# Of a scan's repetition: its name here, the counter, how many of the counter's units make one.
COUNTERS = [
    ("stall_ms", "stall_max_us", 1e3),
    ("stall_p99_ms", "stall_p99_us", 1e3),
    ("blocked_ms", "blocked_ms", 1),
    ("cpu_s", "cpu_ms", 1e3),
    ("threads", "scan_threads", 1),
    ("memory_mib", "memory_mib", 1),
]


def collect(run):
    """The scans: {shape: {place: {(executor, source): {cache: [repetition]}}}}.

    A shape is (files, MiB of each, stride). A place is (directory, read-ahead in KiB) as far
    as the row's name says, else "".

    A repetition is {"s": seconds}, with those of COUNTERS that are known.
    """
    tables = {}
    for row, repetitions in run.rows.items():
        if not is_scan(row):
            continue
        axis = axes(row)
        shape = axis["files"], axis["mib"], axis["stride"]
        place = axis.get("dir", ""), axis.get("read_ahead_kib", "")
        key, cache = (axis["exec"], axis["io"]), axis["cache"]
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


def line_order(key):
    """The order of rows in the suite; a name that is not known here comes last."""
    known = ["seq", "threads", "async", "async_seq"]
    executor, source = key
    return (known.index(executor) if executor in known else len(known), executor, source)


def rung(line):
    """Where a line stands: the hazard, the references, then the remedies."""
    (executor, source), caches = line
    if (executor, source) == HAZARD:
        return (0,)
    if executor != HAZARD[0]:
        return (1, source, executor)
    return (2, -(median(caches.get("cold", []), "stall_p99_ms") or 0), source)


def probed(lines):
    """Those of which the executor was watched."""
    return {
        key: caches
        for key, caches in lines.items()
        if any("stall_ms" in one for runs in caches.values() for one in runs)
    }


def count(places):
    """How many repetitions the rows have: "10", "9 to 10"."""
    counts = [
        len(runs)
        for lines in places.values()
        for caches in lines.values()
        for runs in caches.values()
    ]
    return str(min(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def place_name(place):
    """ "in ext4, read-ahead 128 KiB"; empty where nothing was to be told apart."""
    directory, read_ahead = place
    parts = [f"in {directory}"] if directory else []
    return ", ".join(parts + ([f"read-ahead {read_ahead} KiB"] if read_ahead else []))
