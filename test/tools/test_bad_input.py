"""What every tool says of a file that is not a run's JSON."""

import bz2
import codecs
import contextlib
import gzip
import json
import lzma
import os
import re
import signal
import socket
import subprocess
import sys

import forbid
import in_process
import pytest
from conftest import ROOT, finished
from made_runs import CONTEXT, ROW, repetitions
from readers import COMMANDS, SAVED, is_control

pytest_plugins = ["made_place"]

MMAP = ROW.format("async", "mmap", "cold")


def row(**changed):
    """A run's text, of one repetition."""
    (one,) = repetitions(MMAP, [1.5], blocked_ms=3)
    return json.dumps({"context": CONTEXT, "benchmarks": [one | changed]})


def replaced(old, new):
    text = row()
    assert text.count(old) == 1
    return text.replace(old, new)


def nested(depth):
    return "[" * depth + "]" * depth


WHOLE = SAVED.read_bytes()

# Name -> bytes or text, and what the line says.
CONTENTS = {
    "nothing": ("", "empty"),
    "a line's end": ("\n", "Expecting value"),
    "zeros, as after a loss of power": (bytes(4096), "Expecting value"),
    "half of it": (WHOLE[: len(WHOLE) // 2], "char"),
    "all but the last brackets": (WHOLE.rstrip()[:-4], "char"),
    "two of them": (WHOLE + WHOLE, "Extra data"),
    "another half of it": (WHOLE[len(WHOLE) // 2 :], "Expecting value"),
    "what the console shows": ("Run on (2 X 2450 MHz CPU s)\n", "Expecting value"),
    "a page": ("<!DOCTYPE html><title>404</title>", "Expecting value"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "utf-8"),
    "packed by gzip": (gzip.compress(WHOLE), "compressed (gzip); unpack it first"),
    "packed by xz": (lzma.compress(WHOLE), "compressed (xz); unpack it first"),
    "packed by bzip2": (bz2.compress(WHOLE), "compressed (bzip2); unpack it first"),
    "packed by zstd": (b"\x28\xb5\x2f\xfd" + bytes(9), "compressed (zstd); unpack it first"),
    "packed by zip": (b"PK\3\4" + bytes(9), "compressed (zip); unpack it first"),
    "not UTF-8": (b'{"benchmarks": [], "a": "\xff"}', "utf-8"),
    "half of UTF-16": (codecs.BOM_UTF16_LE + row().encode("utf-16-le")[:-1], "utf-16"),
    "a number": ("17", "no list of benchmarks"),
    "a string": ('"benchmarks"', "no list of benchmarks"),
    "null": ("null", "no list of benchmarks"),
    "a list": (json.dumps([{"file": "a.cc", "command": "c++ a.cc"}]), "no list of benchmarks"),
    "fio's": ('{"fio version": "fio-3.33", "jobs": []}', "no list of benchmarks"),
    "hyperfine's": ('{"results": [{"command": "x", "mean": 1.5}]}', "no list of benchmarks"),
    "pytest-benchmark's": (
        '{"benchmarks": [{"name": "x", "stats": {"min": 1}}]}', "no time_unit: 'x'"
    ),
    "benchmarks that are a number": ('{"benchmarks": 3}', "no list of benchmarks"),
    "benchmarks that are an object": ('{"benchmarks": {"a": 1}}', "no list of benchmarks"),
    "benchmarks that are texts": ('{"benchmarks": ["a"]}', "not an object"),
    "a context that is a list": ('{"context": [], "benchmarks": []}', "context is not an object"),
    "a row without a name": ('{"benchmarks": [{"real_time": 1}]}', "without a name"),
    "a name that is a number": (row(run_name=5), "without a name"),
    "a time that is text": (row(real_time="1.5"), "real_time is '1.5'"),
    "a time that is null": (row(real_time=None), "real_time is null"),
    "a time below 0": (row(real_time=-1), "a time of -1"),
    "a time that nothing takes": (row(real_time=1e300), "a time of 1e+300"),
    "a time that nothing measures": (row(real_time=1e-300), "a time of 1e-300"),
    "a time in fortnights": (row(time_unit="fortnight"), "time_unit is 'fortnight'"),
    "a unit that is a list": (row(time_unit=[]), "time_unit is []"),
    "an index that is text": (row(repetition_index="0"), "repetition_index is '0'"),
    "an index that is null": (row(repetition_index=None), "repetition_index is null"),
    "an index that is true": (row(repetition_index=True), "repetition_index is True"),
    "an index between two": (row(repetition_index=1.5), "repetition_index is 1.5"),
    "an index below 0": (row(repetition_index=-1), "repetition_index is -1"),
    "an index without end": (row(repetition_index=1 << 40), "repetition_index is 109951"),
    "two rows that are none": (
        json.dumps({"benchmarks": [{"name": "a", "time_unit": "s"}, {"name": "b"}, 3]}),
        "no real_time: 'a', and 2 more",
    ),
    "digits in groups, as of a locale": (
        replaced('"iterations": 1,', '"iterations": 48,270,452,'), "thousands separators"
    ),
    "no benchmark": ('{"benchmarks": []}', "no benchmark in it"),
    "aggregates only": (row(run_type="aggregate", aggregate_name="mean"), "only aggregates in it"),
    "two times": (replaced('"real_time":', '"real_time": 1, "real_time":'), "'real_time' twice"),
    "two lists of benchmarks": (
        replaced('"benchmarks":', '"benchmarks": [], "benchmarks":'), "'benchmarks' twice"
    ),
    "two commits": (replaced('"commit":', '"commit": "0", "commit":'), "'commit' twice"),
    "two of a name that is hostile": (
        '{"\\u001b[31m\\n\\ud800": 1, "\\u001b[31m\\n\\ud800": 2}', r"[31m\n\ud800' twice"
    ),
    "brackets without end": ("[" * 1_000_000, "nested too deeply"),
    "a context nested without end": (
        replaced('"Linux 6.18.5 x86_64"', nested(9000)), "nested too deeply"
    ),
    "a context nested deeply": (
        replaced('"Linux 6.18.5 x86_64"', nested(500)), "nested too deeply"
    ),
}  # fmt: skip


def listens(path):
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(os.path.relpath(path))


def endless(path):
    """Looks like a run for longer than anybody can wait."""
    path.write_bytes(WHOLE)
    os.truncate(path, 1 << 40)


# Name -> what makes it at a path, and what the line says.
FILES = {
    "none": (lambda path: None, "No such file or directory"),
    "a directory": (os.mkdir, "Is a directory"),
    "a link to itself": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    "a pipe that nobody writes to": (os.mkfifo, "empty"),
    "a socket": (listens, "No such device or address"),
    "a terabyte": (endless, "larger than 1 MiB"),
    "no end": (lambda path: path.symlink_to("/dev/zero"), "larger than 1 MiB"),
}


@contextlib.contextmanager
def at_most(seconds):
    def give_up(*_):
        raise TimeoutError(f"hangs for {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def check_refusal(place, command, bad, says, run=in_process.run):
    words = COMMANDS[command](place, bad)
    before = place.files()
    with at_most(60):
        done = run(*words)
    assert done.returncode == 2, done.stdout
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert re.match(r"error: read '.*/(bad|warm-001)\.json': ", line)
    assert says in line
    assert len(line) < 500 + len(str(bad))
    assert not any(map(is_control, line))
    assert place.files() == before


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", CONTENTS)
def test_what_is_no_run_is_one_line_and_nothing_is_written(place, command, name):
    content, says = CONTENTS[name]
    bad = place.directory / "bad.json"
    bad.write_bytes(content.encode() if isinstance(content, str) else content)
    check_refusal(place, command, bad, says)


# tools/gate_rates makes a run where none is.
@pytest.mark.parametrize("command", [one for one in COMMANDS if one != "gate_rates"])
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_is_one_line_and_nothing_is_written(place, command, name, monkeypatch):
    make, says = FILES[name]
    bad = place.directory / "bad.json"
    make(bad)
    monkeypatch.setattr("pagestall_tools.runs.MOST_BYTES", 1 << 20)
    check_refusal(place, command, bad, says)


def run_by_permissions(name, *words):
    return finished(ROOT / "tools" / name, *words, preexec_fn=forbid.override_permissions)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_may_not_be_read_is_one_line_and_nothing_is_written(place, command):
    bad = place.directory / "bad.json"
    bad.write_bytes(WHOLE)
    bad.chmod(0)
    check_refusal(place, command, bad, "Permission denied", run_by_permissions)


def test_what_is_huge_is_one_short_line(place):
    bad = place.directory / "bad.json"
    bad.write_text('"' + "a" * 100_000_000)
    check_refusal(place, "table", bad, "Unterminated string")
    bad.write_text(row(run_name="a" * 10_000_000, real_time=-1))
    check_refusal(place, "csv", bad, "a time of -1 ms, which nothing takes: 'aaaa")


READS_IN_LITTLE_MEMORY = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from pagestall_tools.bad_input import BadInput
from pagestall_tools.runs import read
resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))
try:
    read(sys.argv[2])
except BadInput as error:
    print(error)
"""


def test_memory_that_does_not_suffice_is_said(place):
    path = place.directory / "run.json"
    path.write_text('{"benchmarks": [], "a": "' + "a" * 50_000_000 + '"}')
    done = finished(sys.executable, "-B", "-c", READS_IN_LITTLE_MEMORY, ROOT / "tools", path)
    assert (done.stdout, done.stderr) == (
        f"read '{path}': too large for the memory that there is\n", ""
    )
    path.write_text('{"benchmarks": []}')
    small = finished(*done.args)
    assert "memory" not in small.stdout + small.stderr


@pytest.mark.parametrize(
    "text",
    [
        replaced('"blocked_ms":', '"blocked_ms": 3.0, "blocked_ms":'),
        replaced('"threads":', '"threads": 9, "threads":'),
        replaced('"commit":', '"commit": "363c458", "commit":'),
    ],
    ids=["a counter", "threads", "a commit"],
)
def test_what_is_twice_without_doubt_is_read(place, text):
    """So are runs from before scan_threads was called so, which have `threads` twice."""
    (place.directory / "run.json").write_text(text)
    done = in_process.run("table", place.directory / "run.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search("async +mmap +1.500", done.stdout)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-le"])
def test_encodings_of_other_systems_are_read(place, encoding):
    path = place.directory / "run.json"
    path.write_bytes(WHOLE.decode().encode(encoding))
    assert in_process.run("table", path).stdout == in_process.run("table", SAVED).stdout


@pytest.mark.parametrize("name", ["/dev/stdin", "/proc/self/fd/0"])
def test_pipe_is_read_to_its_end(name):
    done = subprocess.run(
        [ROOT / "tools/table", name], input=WHOLE, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"of 8 files of 256 MiB" in done.stdout
