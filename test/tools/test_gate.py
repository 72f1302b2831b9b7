"""tools/pagestall gate on made-up runs."""

import json
import os
import random
import sys

import pytest
from conftest import ROOT
from made_runs import CONTEXT, ROW, failure, pagestall, repetitions, write_run

sys.path.insert(0, str(ROOT / "tools"))

from pagestall_tools import machine  # noqa: E402
from pagestall_tools.comparison.differences import differences  # noqa: E402
from pagestall_tools.history.opening import open_history  # noqa: E402

READ = ROW.format("seq", "read", "warm")
MMAP = ROW.format("seq", "mmap", "warm")
COLD = ROW.format("seq", "read", "cold")


def measured(row, median, count=20, noise=0.02, **counters):
    chance = random.Random(f"{row} {median} {count}")
    times = [median * chance.lognormvariate(0, noise) for _ in range(count)]
    return repetitions(row, times, **counters)


# What is below two directories.
BELOW = {"disks_below": "vda", "unknown_below": "the host", "disks_below_fast": "sdb"}


def gate(scratch, baseline, contender, *words, **context):
    """Of two lists of rows; `context` is the contender's."""
    a = write_run(scratch / "a.json", *baseline, **BELOW)
    b = write_run(scratch / "b.json", *contender, **BELOW | context)
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
    assert gate(scratch, *runs, "--threshold", "7").returncode == 1
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
        ({"memory_limit_mib": "512"}, "memory_limit_mib: unknown / 512"),
        ({"device_read_ahead_kib": "128"}, "device_read_ahead_kib: 8192 / 128"),
        ({"filesystem_fast": "xfs"}, "filesystem_fast: unknown / xfs"),
        ({"disks_below": "sda"}, "disks_below: vda / sda"),
        ({"unknown_below": "loop0"}, "unknown_below: the host / loop0"),
        ({"unknown_below": "/l, which cannot be seen here"},
         "unknown_below: the host / storage, which cannot be seen here"),
        ({"cpus_allowed": "1"}, "cpus_allowed: unknown / 1"),
        ({"unknown_below_fast": "the host"}, "unknown_below_fast: nothing / the host"),
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


def test_hidden_layers_of_two_containers_are_of_one_machine(scratch):
    below = [{**BELOW, "unknown_below": f"/{name}, which cannot be seen here"} for name in "ab"]
    assert not differences(*below)
    assert differences(below[0], BELOW)


def on_loop(device, disk="vda", file="/a.img", **context):
    memory = f"{device.split('/')[-1]}, which reads {file} through the page cache"
    below = {"disks_below": disk, "unknown_below": memory} if disk else {}
    return CONTEXT | {"device": device} | below | context


def test_number_of_a_loop_device_is_no_machine():
    for numbers in (("1", "2"), ("1p3", "12p3")):
        one, other = (on_loop(f"/dev/loop{number}") for number in numbers)
        assert not differences(one, other)
        assert machine.machine_id(one) == machine.machine_id(other)
    keys = ("device", "disks_below", "unknown_below")
    one, other = (
        CONTEXT | {f"{key}_fast": on_loop(f"/dev/loop{number}")[key] for key in keys}
        for number in (1, 2)
    )
    assert not differences(one, other)


@pytest.mark.parametrize(
    "other",
    [on_loop("/dev/loop2", disk="sdb"), on_loop("/dev/loop2", file="/b.img"),
     on_loop("/dev/loop1p2"), on_loop("/dev/sda"), on_loop("/dev/loop2", filesystem="xfs")],
)  # fmt: skip
def test_loop_devices_of_two_disks_or_files_are_of_two_machines(other):
    assert differences(on_loop("/dev/loop1"), other)


def test_loop_devices_of_two_disks_have_no_noise_in_common():
    assert machine.machine_id(on_loop("/dev/loop1")) != machine.machine_id(
        on_loop("/dev/loop1", disk="sdb")
    )


@pytest.mark.parametrize("disk", ["", "unknown"])
def test_loop_devices_are_told_by_their_numbers_where_nothing_says_what_is_below(disk):
    one, other = (on_loop(f"/dev/loop{number}", disk) for number in (1, 2))
    assert "device: /dev/loop1 / /dev/loop2" in differences(one, other)


@pytest.mark.parametrize(
    "names",
    [("sda", "sdb"), ("nvme0n1", "nvme1n1"), ("dm-1", "dm-2"), ("md0", "md1"),
     ("mapper/loop1-x", "mapper/loop2-x")],
)  # fmt: skip
def test_other_devices_are_told_by_their_numbers(names):
    one, other = (CONTEXT | {"device": f"/dev/{name}", "disks_below": "vda"} for name in names)
    assert differences(one, other)


def test_run_of_before_it_was_known_what_is_below_is_of_the_same_machine(scratch):
    old = write_run(scratch / "old.json", measured(READ, 1))
    new = write_run(scratch / "new.json", measured(READ, 1.0001), **BELOW)
    done = pagestall("gate", old, new)
    assert done.returncode == 0, done.stderr
    assert "note" not in done.stdout
    assert machine.machine_id(CONTEXT) == machine.machine_id(CONTEXT | BELOW)


def test_what_changes_by_itself_is_no_other_machine(scratch):
    runs = [measured(READ, 1)], [measured(READ, 1.0001)]
    changing = {
        "mhz_per_cpu": 1000, "date": "2027-01-01T10:00:00+00:00", "commit": "0", "host_name": "x",
        "memory_mib": "23950", "device_scheduler": "none", "load_avg": [1, 1, 1],
    }  # fmt: skip
    done = gate(scratch, *runs, **changing)
    assert done.returncode == 0
    assert "note" not in done.stdout


@pytest.mark.parametrize("key", ["seed", "evict"])
def test_dataset_that_only_one_run_names_is_noted(scratch, key):
    a = write_run(scratch / "a.json", measured(READ, 1))
    b = scratch / "b.json"
    run = json.loads(a.read_text())
    del run["context"][key]
    b.write_text(json.dumps(run))
    done = pagestall("gate", a, b)
    assert done.returncode == 0, done.stderr
    known = CONTEXT[key]
    assert f"note: {key}: {known} in the baseline, unknown in the contender" in done.stdout
    done = pagestall("gate", b, a)
    assert f"note: {key}: unknown in the baseline, {known} in the contender" in done.stdout


@pytest.mark.parametrize(
    "context",
    [{"load_avg": ["high"]}, {"load_avg": 9.5}, {"load_avg": [9.5], "num_cpus": "2"},
     {"load_avg": None}, {"load_avg": [9.5], "num_cpus": None}, {"load_avg": {}}],
)  # fmt: skip
def test_load_that_is_no_number_is_no_word_on_it(scratch, context):
    done = gate(scratch, [measured(READ, 1)], [measured(READ, 1.0001)], **context)
    assert done.returncode == 0, done.stderr
    assert "busy" not in done.stdout


def keep_noise(path, noise):
    with open_history(str(path), create=True) as history:
        key, fingerprint = machine.machine_id(CONTEXT), machine.fingerprint(CONTEXT)
        history.add_noise(key, fingerprint, noise, "2026-11-25T10:00:00+00:00")


def test_noise_that_was_measured_on_the_machine_counts(scratch):
    runs = [measured(READ, 1)], [measured(READ, 1.2)]
    alone = gate(scratch, *runs)
    assert alone.returncode == 1
    db = scratch / "history.sqlite"
    keep_noise(db, {READ: 0.4})
    named = gate(scratch, *runs, "--db", db)
    assert named.returncode == 2, named.stderr
    assert "within the noise of 40 %" in named.stdout
    assert "in 1 of 1 row no less than what equal runs differed by" in named.stdout
    a, b = scratch / "a.json", scratch / "b.json"
    by_environment = pagestall("gate", a, b, env=os.environ | {"PAGESTALL_DB": str(db)})
    assert by_environment.stdout == named.stdout
    elsewhere = write_run(scratch / "c.json", measured(READ, 1.2), cpu_model="Other")
    assert pagestall("gate", a, elsewhere, "--anyway", "--db", db).returncode == 1


def test_history_that_is_asked_for_and_is_not_there_is_one_line(scratch):
    runs = [measured(READ, 1)], [measured(READ, 1.0001)]
    done = gate(scratch, *runs, "--db", scratch / "none")
    assert done.returncode == 2
    assert done.stderr == (
        f"error: open history '{scratch / 'none'}': No such file or directory; "
        "tools/pagestall history add RUN.json makes it\n"
    )
    assert not (scratch / "none").exists()


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
        (["--threshold", "x"], "--threshold x: must be a percentage above 0"),
        (["--filter", "("], "--filter '(': no regular expression"),
        (["--filter", "none"], "no row was measured in both that matches --filter 'none'"),
    ],
)
def test_bad_words_are_one_line(scratch, words, said):
    done = gate(scratch, [measured(READ, 1)], [measured(READ, 1)], *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def waiting(entries, share=0.5):
    return [entry | {"cpu_time": share * entry["real_time"]} for entry in entries]


@pytest.mark.parametrize(("factor", "code"), [(1.8, 2), (2.4, 1)])
def test_a_row_that_waits_is_slower_beyond_a_factor_of_two(scratch, factor, code):
    baseline, contender = (waiting(measured(COLD, median)) for median in (1.0, factor))
    done = gate(scratch, [baseline], [contender])
    assert done.returncode == code, done.stdout
    assert "100.0%" in verdict_of(done, "exec:seq") or "100 %" in done.stdout
    computes = gate(scratch, [waiting(baseline, 0.95)], [waiting(contender, 0.95)])
    assert computes.returncode == 1
    assert gate(scratch, [baseline], [contender], "--in_turn").returncode == 1


def test_a_row_with_a_time_of_its_own_waits(scratch):
    stall = "stall_p99/exec:async/io:mmap/cache:cold/iterations:1/manual_time"
    done = gate(scratch, [measured(stall, 0.1)], [measured(stall, 0.15)])
    assert done.returncode == 2 and "within the noise of 100 %" in done.stdout
