"""tools/pagestall gate on made-up runs, and tools/gate_rates on kept ones."""

import json
import random
import subprocess

import pytest
from conftest import ROOT
from made_runs import ROW, failure, pagestall, repetitions, write_run

READ = ROW.format("seq", "read", "warm")
MMAP = ROW.format("seq", "mmap", "warm")
COLD = ROW.format("seq", "read", "cold")


def measured(row, median, count=20, noise=0.02, **counters):
    chance = random.Random(f"{row} {median} {count}")
    times = [median * chance.lognormvariate(0, noise) for _ in range(count)]
    return repetitions(row, times, **counters)


def gate(scratch, baseline, contender, *words, **context):
    """Of two lists of rows; `context` is the contender's."""
    a = write_run(scratch / "a.json", *baseline)
    b = write_run(scratch / "b.json", *contender, **context)
    return pagestall("gate", a, b, *words)


def verdict_of(done, part):
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(part)]
    return line


def test_a_slower_row_is_told_and_is_the_exit_code(scratch):
    done = gate(
        scratch,
        [measured(READ, 1), measured(MMAP, 0.1), measured(COLD, 2)],
        [measured(READ, 1.1), measured(MMAP, 0.05), measured(COLD, 2)],
    )
    assert done.returncode == 1, done.stderr
    assert verdict_of(done, "exec:seq/io:read/cache:warm").endswith("  slower")
    assert verdict_of(done, "exec:seq/io:mmap/cache:warm").endswith("  faster")
    assert verdict_of(done, "exec:seq/io:read/cache:cold").endswith("  same")
    assert done.stdout.splitlines()[-1] == "3 rows: 1 same, 1 faster, 1 slower, 0 cannot tell"


def test_equal_runs_and_faster_ones_pass(scratch):
    assert gate(scratch, [measured(READ, 1)], [measured(READ, 1.0001)]).returncode == 0
    faster = gate(scratch, [measured(READ, 1)], [measured(READ, 0.8)])
    assert faster.returncode == 0
    assert faster.stdout.endswith("1 row: 0 same, 1 faster, 0 slower, 0 cannot tell\n")


def test_threshold_is_what_counts(scratch):
    runs = [measured(READ, 1)], [measured(READ, 1.1)]
    assert gate(scratch, *runs).returncode == 1
    assert gate(scratch, *runs, "--threshold", "20").returncode == 0


def test_only_rows_of_the_filter_count(scratch):
    runs = [measured(READ, 1), measured(MMAP, 1)], [measured(READ, 1.2), measured(MMAP, 1.0001)]
    done = gate(scratch, *runs, "--filter", "io:mmap")
    assert done.returncode == 0
    assert "io:read" not in done.stdout
    assert gate(scratch, *runs, "--filter", "io:read").returncode == 1


def test_a_row_that_failed_on_either_side_is_named_and_not_compared(scratch):
    partly = [*measured(MMAP, 1), failure(MMAP, "not warm: 3 of 9 pages", 20)]
    broken = gate(scratch, [measured(READ, 1), partly], [measured(READ, 1.0001), measured(MMAP, 9)])
    assert broken.returncode == 0
    name = MMAP.removesuffix("/iterations:1/real_time")
    assert f"failed in the baseline, not compared: {name}: not warm: 3 of 9 pages" in broken.stdout
    assert "1 row: 1 same" in broken.stdout


@pytest.mark.parametrize("also_measured", [True, False])
def test_what_the_baseline_measured_must_not_fail_in_the_contender(scratch, also_measured):
    failed = [failure(MMAP, "the sum is wrong")] + (measured(MMAP, 1) if also_measured else [])
    before = [measured(READ, 1), measured(MMAP, 1)]
    done = gate(scratch, before, [measured(READ, 1.0001), failed])
    assert done.returncode == 2
    assert "failed in the contender, though the baseline measured it" in done.stdout
    assert "the sum is wrong" in done.stdout
    assert "1 row: 1 same" in done.stdout
    slower = gate(scratch, before, [measured(READ, 1.5), failed])
    assert slower.returncode == 1


def test_what_is_not_available_is_named_and_is_no_failure(scratch):
    absent = [failure(MMAP, "not available here: io_uring_setup: Operation not permitted")]
    done = gate(
        scratch, [measured(READ, 1), measured(MMAP, 1)], [measured(READ, 1.0001), absent]
    )
    assert done.returncode == 0
    assert "not available here: io_uring_setup" in done.stdout


def test_rows_of_one_side_only_are_named(scratch):
    done = gate(
        scratch,
        [measured(READ, 1), measured(MMAP, 1)],
        [measured(READ, 1.0001), measured(COLD, 1)],
    )
    assert done.returncode == 0
    name, other = (row.removesuffix("/iterations:1/real_time") for row in (MMAP, COLD))
    assert f"only in the baseline, not compared: {name}\n" in done.stdout
    assert f"only in the contender, not compared: {other}\n" in done.stdout
    nothing = gate(scratch, [measured(READ, 1)], [measured(COLD, 1)])
    assert nothing.returncode == 2
    assert len(nothing.stderr.splitlines()) == 1
    assert "no row was measured in both" in nothing.stderr


@pytest.mark.parametrize(
    ("context", "difference"),
    [
        ({"cpu_model": "Other"}, "cpu_model: AMD EPYC 9B14 / Other"),
        ({"memory_mib": "48000"}, "memory_gib: 24 / 47"),
        ({"device_read_ahead_kib": "128"}, "device_read_ahead_kib: 8192 / 128"),
        ({"filesystem_fast": "xfs"}, "filesystem_fast: unknown / xfs"),
        ({"kernel": "Linux 6.18.5 aarch64"}, "system: Linux x86_64 / Linux aarch64"),
        ({"build_type": "Debug"}, "build_type: Release / Debug"),
        ({"seed": "2"}, "seed: 1 / 2"),
        ({"evict": "drop_caches"}, "evict: fadvise / drop_caches"),
    ],
)
def test_runs_of_another_machine_build_or_dataset_are_refused(scratch, context, difference):
    runs = [measured(READ, 1)], [measured(READ, 1.0001)]
    refused = gate(scratch, *runs, **context)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert len(refused.stderr.splitlines()) == 1
    assert difference in refused.stderr and "--anyway" in refused.stderr
    anyway = gate(scratch, *runs, "--anyway", **context)
    assert anyway.returncode == 0, anyway.stderr
    assert f"note: different, {difference}" in anyway.stdout


def test_what_changes_by_itself_is_no_other_machine(scratch):
    runs = [measured(READ, 1)], [measured(READ, 1.0001)]
    changing = {
        "mhz_per_cpu": 1000, "date": "2027-01-01T10:00:00+00:00", "commit": "0", "host_name": "x",
        "memory_mib": "23950", "device_scheduler": "none", "load_avg": [1, 1, 1],
    }  # fmt: skip
    done = gate(scratch, *runs, **changing)
    assert done.returncode == 0
    assert "note" not in done.stdout


def test_notes_what_casts_doubt(scratch):
    runs = [measured(READ, 1)], [measured(READ, 1.0001)]
    kernel = gate(scratch, *runs, kernel="Linux 6.19.1 x86_64")
    assert kernel.returncode == 0
    assert "note: kernel: Linux 6.18.5 x86_64 / Linux 6.19.1 x86_64" in kernel.stdout
    busy = gate(scratch, *runs, load_avg=[9.5, 1, 1])
    assert "note: the machine was busy before the contender: load 9.5, 2 CPUs" in busy.stdout
    slowed = gate(scratch, *runs, slow_down="read:10")
    assert "note: the contender was made with --slow_down=read:10" in slowed.stdout
    debug = gate(scratch, *runs, "--anyway", build_type="Debug")
    assert "note: the contender is a debug build" in debug.stdout


def test_without_any_verdict_there_is_no_answer(scratch):
    few = gate(scratch, [measured(READ, 1, 3)], [measured(READ, 2, 3)])
    assert few.returncode == 2
    assert "needs 6 repetitions on each side" in few.stdout
    noisy = [measured(READ, 1, 10, 0.5)], [measured(READ, 1.0001, 10, 0.5)]
    assert gate(scratch, *noisy).returncode == 2
    with_another = [[*noisy[side], measured(MMAP, 1 + side / 1e4)] for side in (0, 1)]
    assert gate(scratch, *with_another).returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--threshold", "-1"], "--threshold -1: must be a percentage above 0"),
        (["--threshold", "nan"], "--threshold nan: must be a percentage above 0"),
        (["--filter", "("], "--filter '(': no regular expression"),
        (["--filter", "none"], "no row was measured in both that matches --filter 'none'"),
    ],
)
def test_bad_words_are_one_line(scratch, words, said):
    done = gate(scratch, [measured(READ, 1)], [measured(READ, 1)], *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_missing_and_broken_files_are_one_line(scratch):
    run = write_run(scratch / "a.json", measured(READ, 1))
    missing = pagestall("gate", run, scratch / "none.json")
    assert missing.returncode == 2
    assert "none.json': No such file or directory" in missing.stderr
    (scratch / "b.json").write_text('{"benchmarks": ')
    broken = pagestall("gate", scratch / "b.json", run)
    assert broken.returncode == 2
    assert len(broken.stderr.splitlines()) == 1


def kept(scratch, slowed=1.1, alarm=False):
    """Three equal runs of each kind and two tries, as tools/gate_rates keeps them."""
    for number in (1, 2, 3):
        for kind, row in (("warm", READ), ("cold", COLD)):
            median = 1.5 if alarm and number == 3 else 1 + number / 1e4
            write_run(scratch / f"{kind}-{number:03}.json", measured(row, median, 10))
    for number in (1, 2):
        write_run(scratch / f"baseline-{number:03}.json", measured(READ, 1 + number / 1e4))
        write_run(scratch / f"contender-{number:03}.json", measured(READ, slowed + number / 1e4))


def gate_rates(scratch, *words, binary="/bin/false"):
    return subprocess.run(
        [ROOT / "tools/gate_rates", f"--data_dir={scratch / 'data'}", f"--keep={scratch}",
         "--runs=3", "--tries=2", f"--binary={binary}", *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_rates_of_kept_runs(scratch):
    kept(scratch)
    done = gate_rates(scratch)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-2].startswith("false alarms: 0.0% (0 of 6; 95 % interval 0.0% to 45.9%)")
    assert lines[-1].startswith("10 % slower found: 100.0% (2 of 2; 95 % interval 15.8% to 100")
    assert "AMD EPYC 9B14" in lines[-3] and lines[-3].startswith("2026-11-25")


def test_a_rate_that_is_missed_is_the_exit_code(scratch):
    kept(scratch, slowed=1.0)
    missed = gate_rates(scratch)
    assert missed.returncode == 1
    assert "10 % slower found: 0.0% (0 of 2" in missed.stdout
    kept(scratch, alarm=True)
    alarmed = gate_rates(scratch)
    assert alarmed.returncode == 1
    assert "false alarms: 66.7% (4 of 6" in alarmed.stdout


def test_only_runs_that_are_not_kept_are_made(scratch):
    kept(scratch)
    made = scratch / "contender-002.json"
    run = made.rename(scratch / "made.json")
    binary = scratch / "binary"
    binary.write_text(
        '#!/bin/sh\necho "$@" >> "$0.calls"\n'
        f"for word; do case $word in --benchmark_out=*) cp '{run}' \"${{word#*=}}\";; esac; done\n"
    )
    binary.chmod(0o755)
    done = gate_rates(scratch, binary=binary)
    assert done.returncode == 0, done.stderr
    assert json.loads(made.read_text())
    (call,) = (scratch / "binary.calls").read_text().splitlines()
    assert "--slow_down=read:10" in call and "--benchmark_repetitions=20" in call


def test_a_run_that_fails_or_is_of_other_flags_is_one_line(scratch):
    kept(scratch)
    (scratch / "warm-002.json").unlink()
    failed = gate_rates(scratch)
    assert failed.returncode == 2
    assert "run '/bin/false': exit code 1" in failed.stderr.splitlines()[-1]
    assert not (scratch / "warm-002.json").exists()
    kept(scratch)
    other = gate_rates(scratch, "--repetitions=30")
    assert other.returncode == 2
    assert "has 20 repetitions, not 30; remove the file" in other.stderr
