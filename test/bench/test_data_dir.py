"""--data_dir with several directories: each row once in each of them."""

import re
import subprocess

import pytest

from conftest import BUILD, DATASET_BENCHES, SMALL, Binary, finished, iterations


def rows(binary, *flags):
    return finished(
        BUILD / "bench" / binary, "--benchmark_list_tests", *flags, check=True
    ).stdout.splitlines()


def labels(data_dir):
    """In the order of the flag."""
    found = [row.split("/dir:")[1].split("/")[0] for row in rows("article_bench", data_dir)]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("binary", DATASET_BENCHES)
def test_each_row_of_the_dataset_is_there_once_per_directory(binary):
    alone = rows(binary)
    assert not any("/dir:" in row for row in alone)
    several = rows(binary, "--data_dir=/nonexistent/a,/nonexistent/b")
    expected = []
    for row in alone:
        if "/files:" not in row:  # an idle executor reads nothing
            expected.append(row)
            continue
        expected += [row.replace("/files:", f"/dir:{label}/files:") for label in "ab"]
    assert sorted(several) == sorted(expected)


@pytest.mark.parametrize(
    ("directories", "expected"),
    [
        ("/mnt/ext4,/mnt/xfs/", ["ext4", "xfs"]),
        ("/a/My-Data,/b/my.data,data", ["my_data", "my_data_2", "data"]),
        ("/a/x,/b/x_2,/c/x", ["x", "x_2", "x_3"]),
        ("/,/b/../c", ["root", "c"]),
        (r"/mnt/a\,b,/mnt/c", ["a_b", "c"]),
    ],
)
def test_directory_has_a_short_name_of_its_own(directories, expected):
    assert labels(f"--data_dir={directories}") == expected


def test_rows_of_all_directories_are_measured_and_described(scratch):
    flags = [f"--data_dir={scratch / 'one'},{scratch / 'two'}", *SMALL]
    article = Binary("article_bench", scratch, flags)
    done, report = article.run_to_json("--benchmark_filter=exec:seq", "--benchmark_repetitions=2")
    assert done.returncode == 0, done.stdout + done.stderr
    runs = iterations(report)
    for name in ("one", "two"):
        mine = [run for run in runs if f"/dir:{name}/" in run["run_name"]]
        assert len(mine) == 8
        for run in mine:
            assert run["resident_before_pct"] == (0 if "cache:cold" in run["name"] else 100)
        assert (scratch / name / "pagestall.manifest").exists()
        for key in ("filesystem", "device", "device_read_ahead_kib"):
            assert report["context"][f"{key}_{name}"]
    assert "filesystem" not in report["context"]


def test_rows_of_several_directories_are_interleaved(scratch):
    """In order, all repetitions in the first directory end before the second's begin."""
    flags = [f"--data_dir={scratch / 'one'},{scratch / 'two'}", *SMALL]
    article = Binary("article_bench", scratch, flags)

    def order():
        done = article.run(
            "--benchmark_filter=exec:seq/io:read/cache:warm", "--benchmark_repetitions=8"
        )
        return re.findall(r"^scan/\S+/dir:(one|two)\S+_median ", done.stdout, re.MULTILINE)

    seen = set()
    for _ in range(40):  # each of both orders half the time
        seen.add(tuple(order()))
        if len(seen) > 1:
            break
    assert seen == {("one", "two"), ("two", "one")}


def test_comma_within_a_path_is_written_with_a_backslash(scratch):
    data = scratch / "a,b"
    article = Binary("article_bench", scratch, [rf"--data_dir={scratch}/a\,b", *SMALL])
    assert article.run("--benchmark_filter=exec:seq/io:read/cache:warm").returncode == 0
    assert (data / "pagestall.manifest").exists()


@pytest.mark.parametrize("flag", ["--data_dir=,", "--data_dir=a,", "--data_dir=,a", "--data_dir="])
def test_directory_without_a_name_is_refused(scratch, flag):
    done = finished(BUILD / "bench/article_bench", flag, cwd=scratch)
    assert done.returncode == 1
    _, value = flag.split("=")
    assert done.stderr == (
        f"--data_dir='{value}': must name a directory, or several with a comma between two\n"
    )
    assert not list(scratch.iterdir())


def test_one_directory_under_two_names_is_refused(scratch):
    (scratch / "real").mkdir()
    (scratch / "link").symlink_to("real")
    there = [("real", other) for other in ("real", "real/", "./real", "link", "link/../real")]
    missing = [("new", other) for other in ("./new", "new/", "real/../new", scratch / "new")]
    for one, other in [*there, *missing]:
        done = finished(BUILD / "bench/article_bench", f"--data_dir={one},{other}", cwd=scratch)
        assert done.returncode == 1
        assert done.stderr == f"--data_dir: '{other}' and '{one}' are one directory\n"


def test_two_runs_that_name_them_in_another_order_both_end(scratch):
    """Each waits for the other's locks, which must not be for ever."""
    one, two = scratch / "one", scratch / "two"
    for _ in range(3):
        processes = [
            subprocess.Popen(
                [BUILD / "bench/article_bench", f"--data_dir={first},{second}", *SMALL,
                 "--benchmark_filter=exec:seq/io:read/cache:warm", "--benchmark_repetitions=3"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            for first, second in ((one, two), (two, one)) * 3
        ]  # fmt: skip
        try:
            assert [process.wait(timeout=60) for process in processes] == [0] * len(processes)
        finally:
            for process in processes:
                process.kill()
                process.wait()


def test_directory_in_memory_has_warm_rows_beside_a_disks(scratch, in_memory):
    flags = [f"--data_dir={scratch / 'disk'},{in_memory}", *SMALL]
    article = Binary("article_bench", scratch, flags)
    done, report = article.run_to_json("--benchmark_filter=exec:seq/io:mmap")
    assert done.returncode == 0, done.stdout + done.stderr
    (failed,) = [run for run in report["benchmarks"] if run.get("error_occurred")]
    assert len(report["benchmarks"]) == 4
    assert "/cache:cold/dir:pagestall_test_" in failed["run_name"]
    assert failed["error_message"].startswith("not available here: ")
