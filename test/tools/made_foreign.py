"""Runs as Google Benchmark writes them of other suites, made up for tests of the tools."""

import json
import random

# As of 1.8; nothing in it is this suite's.
CONTEXT = {
    "date": "2024-03-01T10:00:00+00:00",
    "host_name": "ci-1",
    "executable": "./build/bench",
    "num_cpus": 4,
    "mhz_per_cpu": 2600,
    "cpu_scaling_enabled": False,
    "caches": [{"type": "Data", "level": 1, "size": 32768, "num_sharing": 2}],
    "load_avg": [0.4, 0.3, 0.2],
    "library_version": "v1.8.3",
    "library_build_type": "release",
    "json_schema_version": 1,
}

# As of versions before 1.4, which say nothing that tells machines apart.
OLD_CONTEXT = {
    "date": "2018-05-02 10:00:00",
    "num_cpus": 8,
    "mhz_per_cpu": 3300,
    "cpu_scaling_enabled": False,
    "library_build_type": "release",
}


def rows(name, ns, count=10, cpu_ns=None, **counters):
    """Repetitions around so many nanoseconds."""
    chance = random.Random(f"{name} {ns}")
    made = []
    for index in range(count):
        noise = chance.lognormvariate(0, 0.005)
        made.append({
            "name": name, "run_name": name, "run_type": "iteration", "repetitions": count,
            "repetition_index": index, "threads": 1, "iterations": 1000,
            "real_time": ns * noise, "cpu_time": (cpu_ns or ns) * noise, "time_unit": "ns",
            **counters,
        })  # fmt: skip
    return made


def skipped(name, count=10, why="input file not here"):
    return rows(name, 0, count, iterations=0, skipped=True, skip_message=why)


def aggregates(name, ns):
    made = []
    for kind in ("mean", "median", "stddev"):
        (one,) = rows(name, ns, 1)
        made.append(one | {
            "name": f"{name}_{kind}", "run_type": "aggregate", "aggregate_name": kind,
        })  # fmt: skip
    return made


def old(entries):
    """As 1.4 writes them."""
    new = {"run_name", "run_type", "repetitions", "repetition_index", "threads", "aggregate_name"}
    return [{key: value for key, value in one.items() if key not in new} for one in entries]


def write(path, *benchmarks, context=None, **changed):
    """The lists of entries as one run; None in `changed` is a key that is not there."""
    context = (CONTEXT if context is None else context) | changed
    context = {key: value for key, value in context.items() if value is not None}
    entries = [entry for entries in benchmarks for entry in entries]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"context": context, "benchmarks": entries}))
    return path
