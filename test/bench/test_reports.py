"""--benchmark_out and the other flags of Google Benchmark: no report is lost, none is half there."""

import errno
import json
import os
import resource
import subprocess
import sys

import pytest

import forbid
from conftest import BUILD, ROOT, SMALL, Binary, finished, unsanitized
from in_place import NOBODY, needs_root

sys.path.insert(0, str(ROOT / "tools"))
from pagestall_tools import runs  # noqa: E402
from pagestall_tools.row_words import RowWords  # noqa: E402

ROW = "--benchmark_filter=exec:seq/io:read/cache:warm"
FORMER = "years of work"

CSV = "must be console or json; for CSV see tools/pagestall csv"
NOT_TAKEN = "no flag of Google Benchmark, or no value for it; see --help"
REFUSED = {
    "--benchmark_format=csv": CSV,
    "--benchmark_format=xml": CSV,
    "--benchmark_out_format=csv": CSV,
    "--benchmark_time_unit=h": "must be ns or us or ms or s",
    "--benchmark_min_time=abc": "must be a number of seconds",
    "--benchmark_context=abc": NOT_TAKEN,
    "--benchmark_bogus": NOT_TAKEN,
    "--benchmark_min_warmup_time=0.2": "must be 0; a repetition is one iteration, before which the "
    "row establishes what it needs",
    "--benchmark_repetitions=0": "must be a number from 1 to 1000000",
    "--benchmark_repetitions=2000000000": "must be a number from 1 to 1000000",
}


@pytest.mark.parametrize("flag", REFUSED)
def test_flag_of_the_library_that_would_end_a_run_is_refused(article, flag):
    done = article.run(flag)
    assert done.returncode == 1
    assert done.stderr == f"{flag}: {REFUSED[flag]}\n"
    assert done.stdout == ""
    assert not list(article.directory.iterdir())


@pytest.mark.parametrize(
    ("name", "flags"),
    [("kernel", ["mib=0", "mib=9000000000"]),
     ("lookup", ["lookups=0", "lookups=-1", "coroutines=0", "coroutines=5000", "files=0"]),
     ("stall", ["baseline_ms=0", "baseline_ms=99999999"]),
     ("tenant", ["rate=0", "rate=1000001", "request_bytes=0", "alone_ms=0"])],
)  # fmt: skip
def test_number_that_makes_no_sense_is_refused_with_the_range(scratch, name, flags):
    for flag in flags:
        done = finished(BUILD / f"bench/{name}_bench", f"--{flag}", cwd=scratch)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"--{flag}: must be from 1 to ")
        assert not list(scratch.iterdir())


@pytest.mark.parametrize("variable", ["BENCHMARK_FORMAT", "BENCHMARK_OUT_FORMAT"])
def test_environment_is_refused_alike(article, monkeypatch, variable):
    monkeypatch.setenv(variable, "csv")
    assert article.run().stderr == f"--{variable.lower()}=csv: {CSV}\n"


def rows_of(text):
    return [row["name"].split("/buffer_kib")[0] for row in json.loads(text)["benchmarks"]]


THE_ROW = ["scan/exec:seq/io:read/cache:warm"]


def test_link_stays_one_and_what_it_leads_to_is_replaced(article, scratch):
    (scratch / "real.json").write_text(FORMER)
    (scratch / "link.json").symlink_to("real.json")
    (scratch / "new.json").symlink_to("link2.json")
    (scratch / "link2.json").symlink_to(scratch / "made.json")
    for link, real in (("link.json", "real.json"), ("new.json", "made.json")):
        assert article.run(ROW, f"--benchmark_out={scratch / link}").returncode == 0
        assert (scratch / link).is_symlink()
        assert rows_of((scratch / real).read_text()) == THE_ROW
    refused = article.run("--benchmark_repetitions=0", f"--benchmark_out={scratch / 'link.json'}")
    assert refused.returncode == 1
    assert rows_of((scratch / "real.json").read_text()) == THE_ROW
    assert not list(scratch.glob("*.part"))


def test_pipe_is_written_to(article, scratch):
    pipe = scratch / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        try:
            done = article.run(ROW, f"--benchmark_out={pipe}")
            assert rows_of(reader.communicate(timeout=60)[0]) == THE_ROW
        finally:
            reader.kill()
    assert (done.returncode, pipe.is_fifo()) == (0, True)


@pytest.mark.parametrize("form", ["json", "console"])
def test_report_that_cannot_be_written_is_an_error(article, form):
    done = article.run(ROW, "--benchmark_out=/dev/full", f"--benchmark_out_format={form}")
    assert done.returncode == 1
    assert done.stderr.endswith(
        "write '/dev/full': No space left on device; make room, or choose another disk\n"
    )


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("data", "Is a directory; pass --benchmark_out with a file's name"),
        ("no/run.json", "No such file or directory; pass --benchmark_out with a file that you may write"),
        ("loop", "Too many levels of symbolic links; pass --benchmark_out with a file that you may write"),
    ],
)  # fmt: skip
def test_what_is_no_file_is_refused_before_anything_is_made(scratch, name, says):
    (scratch / "data").mkdir()
    (scratch / "loop").symlink_to("loop")
    article = Binary("article_bench", scratch, [f"--data_dir={scratch / 'data'}"])
    done = article.run(f"--benchmark_out={scratch / name}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"write '{scratch / name}': {says}\n"
    assert not list((scratch / "data").iterdir())


def expect_report(article, out, **options):
    done = article.run(ROW, f"--benchmark_out={out}", **options)
    assert (done.returncode, done.stderr) == (0, "")
    assert rows_of(out.read_text()) == THE_ROW


@needs_root
def test_file_that_is_a_mount_of_its_own_is_written_to(article, scratch):
    """As a container is given one; nothing can be renamed to it."""
    elsewhere, out = scratch / "elsewhere.json", scratch / "run.json"
    for path in (elsewhere, out):
        path.write_text(FORMER * 1000)

    def mount():
        forbid.own_mounts()
        forbid.show_instead(os.fsencode(out), os.fsencode(elsewhere))

    done = article.run(ROW, f"--benchmark_out={out}", preexec_fn=mount)
    assert (done.returncode, done.stderr) == (0, "")
    assert rows_of(elsewhere.read_text()) == THE_ROW
    assert out.read_text() == FORMER * 1000
    assert not list(scratch.glob("*.part"))


@needs_root
@pytest.mark.parametrize("mode", [0o1777, 0o755])
def test_file_that_may_be_written_but_not_replaced_is_written_to(scratch, mode):
    """Another's in a directory that is sticky, or where nothing may be made."""
    place, out = scratch / "place", scratch / "place/run.json"
    scratch.chmod(0o755)
    place.mkdir()
    out.write_text(FORMER * 1000)
    os.chown(out, 1, 1)
    out.chmod(0o666)
    place.chmod(mode)
    (scratch / "theirs").mkdir()
    os.chown(scratch / "theirs", NOBODY, NOBODY)
    article = Binary("article_bench", scratch, [f"--data_dir={scratch / 'theirs/data'}", *SMALL])
    expect_report(article, out, preexec_fn=lambda: (os.setgid(NOBODY), os.setuid(NOBODY)))
    assert out.stat().st_uid == 1
    assert list(place.iterdir()) == [out]


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_report_is_written_where_a_sandbox_forbids_to_do_so_safely(article, scratch, call):
    assert article.run(ROW).returncode == 0
    error = {call: errno.EPERM}
    expect_report(article, scratch / "run.json", preexec_fn=lambda: forbid.calls(**error))
    assert not list(scratch.glob("*.part"))


def hide_devices():
    forbid.hide("/dev")
    forbid.call(forbid.LIBC.mount, None, b"/dev", None, forbid.MS_RDONLY | forbid.MS_REMOUNT, None)


@needs_root
def test_report_needs_no_device(article, scratch):
    expect_report(article, scratch / "run.json", preexec_fn=hide_devices)
    assert not list(scratch.glob("*.part"))


@needs_root
def test_what_is_printed_goes_to_no_other_file_where_there_is_no_device(article, scratch):
    def close():
        hide_devices()
        os.close(1)

    done = finished(article.path, *article.flags, ROW, stdout=None, preexec_fn=close)
    assert done.returncode == 1
    assert done.stderr.endswith(
        "write standard output: the report is incomplete; is the disk full?\n"
    )
    for path in (scratch / "data").iterdir():
        assert b"Benchmark" not in path.read_bytes(), path


@unsanitized
def test_report_without_a_descriptor_for_it_says_so(article, scratch):
    assert article.run(ROW).returncode == 0
    full = os.strerror(errno.EMFILE)
    for most in range(4, 65):
        done = article.run(
            ROW, f"--benchmark_out={scratch / 'run.json'}",
            preexec_fn=lambda most=most: forbid.limit(resource.RLIMIT_NOFILE, most),
        )  # fmt: skip
        if done.returncode == 0:
            return
        if "ERROR OCCURRED" not in done.stdout:
            assert full in done.stderr, f"{most} open files: {done.stderr}"
    pytest.fail("64 open files are not enough")


def test_report_is_what_the_console_shows(article, scratch):
    out = scratch / "run.txt"
    done = article.run(ROW, f"--benchmark_out={out}", "--benchmark_out_format=console")
    assert done.returncode == 0
    assert done.stderr == ""
    for shown in (out.read_text(), done.stdout):
        assert "Running" in shown and THE_ROW[0] in shown


def test_report_for_tools_says_what_its_rows_are_called(article, scratch):
    out = scratch / "run.json"
    said = article.run(ROW, f"--benchmark_out={out}")
    assert "words_" not in said.stdout + said.stderr
    both = article.run(ROW, "--benchmark_format=json", f"--benchmark_out={out}")
    assert both.returncode == 0
    assert "words_" not in both.stderr
    for text in (both.stdout, out.read_text()):
        words = RowWords([json.loads(text)["context"]])
        assert words.executor("async", 8) == "8 coroutines"
        assert words.executor("seq", 8) == "one thread"
        assert words.sources[:2] == ["mmap", "read"]
        assert all(map(words.source_does, words.sources))
    (measured,) = runs.read(out).rows.values()
    unexplained = set(measured[0].counters) - set(words.counters)
    assert unexplained == {"bytes_per_second"}, "the library's own"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_report_is_not_written_over_what_is_printed(article, scratch, stream):
    printed = scratch / "printed"
    printed.write_text(FORMER)
    with open(printed, "a", encoding="utf-8") as file:
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, stream: file}
        done = subprocess.run(
            [article.path, *article.flags, ROW, f"--benchmark_out=/dev/{stream}"],
            text=True, check=False, timeout=60, **streams,
        )  # fmt: skip
    assert done.returncode == 1
    line = (
        f"write '/dev/{stream}': what is printed goes there as well; pass --benchmark_out with "
        "another file\n"
    )
    assert (done.stderr or printed.read_text().removeprefix(FORMER)) == line
    assert printed.read_text().startswith(FORMER)
    assert not (scratch / "data").exists()


def test_reader_who_goes_away_takes_no_report_with_him(article, scratch):
    out = scratch / "run.json"
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", encoding="utf-8") as pipe:
        done = finished(article.path, *article.flags, ROW, f"--benchmark_out={out}", stdout=pipe)
    assert done.returncode == 1
    assert done.stderr.startswith("write standard output: ")
    assert rows_of(out.read_text()) == THE_ROW


def test_outputs_that_cannot_be_written_fail(article):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = finished(article.path, *article.flags, ROW, "--benchmark_out=/dev/full", stdout=full)
    assert done.returncode == 1
    assert "write standard output: " in done.stderr
    assert "write '/dev/full': " in done.stderr


@pytest.mark.parametrize("closed", [(1,), (0, 1), (0, 1, 2)])
def test_closed_standard_output_is_an_error_and_no_other_file_is_written(article, scratch, closed):
    out = scratch / "run.json"

    def close():
        for fd in closed:
            os.close(fd)

    done = finished(
        article.path, *article.flags, ROW, f"--benchmark_out={out}",
        stdout=None, preexec_fn=close, stdin=subprocess.DEVNULL,
        stderr=None if 2 in closed else subprocess.PIPE,
    )  # fmt: skip
    assert done.returncode == 1
    if 2 not in closed:
        assert done.stderr.endswith(
            "write standard output: the report is incomplete; is the disk full?\n"
        )
    assert rows_of(out.read_text()) == THE_ROW
    assert "Running" not in (scratch / "data/pagestall.lock").read_text()
    assert article.run(ROW).returncode == 0


def test_what_is_said_of_a_flag_is_one_line_of_text(scratch):
    evil = "a\x1b[31m\nb"
    for program, *flags in (
        ["bench/article_bench", evil],
        ["bench/article_bench", f"--read_ahead_kib={evil}"],
        ["bench/article_bench", f"--benchmark_repetitions={evil}"],
        ["fixtures/slowfs", f"--profile={evil}", scratch, scratch],
        ["fixtures/slowfs", f"--fail_at={evil}", scratch, scratch],
    ):
        if not (BUILD / program).exists():
            continue
        done = finished(BUILD / program, *flags)
        assert done.returncode != 0
        (line,) = done.stderr.splitlines()
        assert r"a\033[31m\nb" in line
