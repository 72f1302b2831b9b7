"""Runs as the binaries write them, made up for tests of the tools."""

import json
import subprocess

import in_process
from conftest import ROOT

ROW = "scan/exec:{}/io:{}/cache:{}/files:8/mib:256/stride:512/iterations:1/real_time"

# Of one machine; what the binaries write, as far as a tool reads it.
CONTEXT = {
    "date": "2026-11-25T10:00:00+00:00",
    "host_name": "bench",
    "executable": "build/release/bench/article_bench",
    "num_cpus": 2,
    "mhz_per_cpu": 2450,
    "cpu_scaling_enabled": False,
    "load_avg": [0.1, 0.2, 0.3],
    "library_build_type": "release",
    "kernel": "Linux 6.18.5 x86_64",
    "cpu_model": "AMD EPYC 9B14",
    "cpus_online": "2",
    "memory_mib": "24000",
    "hypervisor": "KVMKVMKVM",
    "page_bytes": "4096",
    "build_type": "Release",
    "commit": "363c458",
    "seed": "1",
    "evict": "fadvise",
    "filesystem": "ext4",
    "device": "vda",
    "device_read_ahead_kib": "8192",
    "words_exec": "seq: one thread\nthreads: {} threads\nasync: {} coroutines",
    "words_io": "mmap: touches the mapping: the hazard\nread: reads by a thread pool\n"
    "uring: reads by io_uring\nmmap_pool: the mapping, summed on a thread pool\n"
    "mmap_awaited: the mapping, awaited",
    "words_counters": "blocked_ms: slept outside its wait\nfolio_kib: the size of folios",
}


def repetitions(row, seconds, **counters):
    """Of a row: a repetition for each of `seconds`. A counter is one value for all, or a list."""
    made = []
    for index, one in enumerate(seconds):
        made.append(
            {
                "name": row,
                "run_name": row,
                "run_type": "iteration",
                "repetitions": len(seconds),
                "repetition_index": index,
                "threads": 1,
                "iterations": 1,
                "real_time": one * 1e3,
                "cpu_time": one * 1e3,
                "time_unit": "ms",
            }
            | {
                name: value[index] if isinstance(value, list) else value
                for name, value in counters.items()
            }
        )
    return made


def failure(row, message, index=0):
    return repetitions(row, [0])[0] | {
        "repetition_index": index,
        "error_occurred": True,
        "error_message": message,
    }


def write_run(path, *benchmarks, **context):
    """The lists of repetitions as one run; `context` in place of CONTEXT's."""
    entries = [entry for entries in benchmarks for entry in entries]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"context": CONTEXT | context, "benchmarks": entries}))
    return path


def pagestall(*words, env=None):
    """tools/pagestall, finished."""
    return in_process.run("pagestall", *words, env=env)


def pagestall_process(*words, env=None):
    """The same, as a process of its own."""
    return subprocess.run(
        [ROOT / "tools/pagestall", *words], capture_output=True, text=True, check=False,
        timeout=300, env=env,
    )  # fmt: skip
