"""tools/pagestall ab: how it runs binaries, refuses them and is ended."""

import json
import os
import signal
import stat
import subprocess
import sys

import pytest

from conftest import ROOT, wait_until
from made_binaries import FLAT, began, empty_history, made, timed  # noqa: F401
from made_runs import CONTEXT

sys.path.insert(0, str(ROOT / "tools"))

from pagestall_tools.comparison import rounds  # noqa: E402


def test_every_round_runs_both_once_in_an_order_of_the_seed(began):
    a, b = began.pair()

    def order(*words):
        (began.directory / "calls").unlink(missing_ok=True)
        began.ab(a, b, "--rounds=12", *words)
        return [side for side, _ in began.calls()]

    first = order()
    blocks = ["".join(first[at : at + 2]) for at in range(0, len(first), 2)]
    assert len(blocks) == 12
    assert set(blocks) == {"ab", "ba"}
    assert all({*blocks[at : at + 2]} == {"ab", "ba"} for at in range(0, 12, 2))
    assert order() == first
    assert any(order(f"--seed={seed}") != first for seed in (2, 3))


def test_the_order_of_every_second_round_is_drawn():
    for seed in range(20):
        drawn = list(rounds.orders(41, seed))
        assert set(drawn[:40:2]) == {"AB", "BA"}, "each pair of rounds is drawn anew"
        assert drawn[1::2] == [order[::-1] for order in drawn[:40:2]]
    assert {list(rounds.orders(3, seed))[2] for seed in range(20)} == {"AB", "BA"}


def test_both_get_one_repetition_the_filter_and_the_flags(began):
    a, b = began.pair()
    began.ab(a, b, "exec:(a|b) ;$(id)", "--rounds=1", "--", "--data_dir=/x y", "--files=3")
    for _, words in began.calls():
        assert words[:4] == [
            "--data_dir=/x y", "--files=3", "--benchmark_filter=exec:(a|b) ;$(id)",
            "--benchmark_repetitions=1",
        ]  # fmt: skip
    (began.directory / "calls").unlink()
    began.ab(a, b, "--rounds=1", "--", "--files=3")
    assert all("--benchmark_filter" not in " ".join(words) for _, words in began.calls())


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"entries": None, "code": 1, "stderr": "Failed to match: none\n"},
         "exit code 1: Failed to match: none"),
        ({"entries": None}, "it wrote no JSON of a benchmark run"),
        ({"entries": timed([1]), "code": 1, "stderr": "first\nread-ahead not put back\n"},
         "exit code 1: read-ahead not put back"),
        ({"entries": timed([1]), "signal": signal.SIGSEGV}, "Segmentation fault"),
    ],
)  # fmt: skip
def test_binary_that_does_not_measure_is_named_with_its_own_words(began, how, said):
    a, b = began.binary("a", timed(FLAT)), began.binary("b", **how)
    done = began.ab(a, b, "--rounds=2")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[-1] == f"error: run '{b}' (round 1): {said}"
    assert lines[:-1] == how.get("stderr", "").splitlines()[:-1]
    assert done.stdout == ""


def refused(made, *words):
    done = made.ab(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert made.calls() == [], "refused before anything ran"
    (line,) = done.stderr.splitlines()
    return line


def test_what_makes_no_sense_is_refused_before_anything_runs(began):
    a, b = began.pair()
    none, text = began.directory / "none", began.directory / "text"
    text.write_text("")
    full = began.directory / "full"
    full.mkdir()
    (full / "run.json").write_text("precious")
    for words, line in (
        ([none, b], f"run '{none}': No such file or directory"),
        ([a, text], f"run '{text}': not an executable file"),
        ([a, began.directory], f"run '{began.directory}': not an executable file"),
        ([a, "ls"], "run 'ls': No such file or directory"),
        ([a, b, "--rounds=0"], "--rounds=0: must be from 1 on"),
        ([a, b, "--threshold=0"], "--threshold 0: must be a percentage above 0"),
        ([a, b, "--threshold=nan"], "--threshold nan: must be a percentage above 0"),
        ([a, b, "--threshold=inf"], "--threshold inf: must be a percentage above 0"),
        ([a, b, "--threshold=5x"], "--threshold 5x: must be a percentage above 0"),
        ([a, b, "--", "--benchmark_repetitions=3"],
         "--benchmark_repetitions=3: a round is one repetition: use --rounds"),
        ([a, b, "--", "--benchmark_out=x"],
         "--benchmark_out=x: use --keep DIR, which keeps the JSON of every round"),
        ([a, b, "x", "--", "--benchmark_filter=y"],
         "--benchmark_filter=y: FILTER is given as well, 'x'"),
        ([a, b, "--keep", text], f"make directory '{text}': File exists"),
        ([a, b, "--keep", full],
         f"--keep={full}: not empty; what is there would be mixed up with it"),
        ([a, b, "--db", none / "history"],
         f"open history '{none / 'history'}': No such file or directory; "
         "tools/pagestall history add RUN.json makes it"),
    ):  # fmt: skip
        assert refused(began, *words) == f"error: {line}"
    assert (full / "run.json").read_text() == "precious"


def test_file_that_the_system_cannot_execute_is_one_clear_line(began):
    a, b = began.binary("a", timed(FLAT)), began.directory / "b"
    b.write_bytes(b"\0\0\0\0")
    b.chmod(b.stat().st_mode | stat.S_IXUSR)
    done = began.ab(b, a, "--rounds=1")
    assert done.returncode == 2
    assert done.stderr == f"error: run '{b}': Exec format error\n"


def test_json_of_every_round_can_be_kept(began):
    a, b = began.pair()
    kept = began.directory / "kept/here"
    assert began.ab(a, b, "--rounds=12", "--keep", kept).returncode == 0
    names = sorted(path.name for path in kept.iterdir())
    assert names == sorted(f"round-{one:03}-{side}.json" for one in range(1, 13) for side in "ab")
    assert json.loads((kept / "round-002-a.json").read_text())["context"] == CONTEXT


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)],
)
def test_interrupt_ends_the_child_and_compares_the_complete_rounds(began, number, code):
    temporary = began.directory / "temporary"
    temporary.mkdir()
    a = began.binary("a", timed(FLAT))
    b = began.binary("b", timed([1.5 * one for one in FLAT]), hangs=[10])
    process = subprocess.Popen(
        [ROOT / "tools/pagestall", "ab", a, b, "--rounds=30", f"--db={began.db}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )  # fmt: skip
    wait_until((began.directory / "hangs").exists, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert err == "interrupted: 10 of 30 rounds are complete\n"
    assert " slower" in out and "B / A, 10 rounds" in out
    assert (began.directory / "ended").exists(), "the child could put back what it had changed"
    assert not list(temporary.iterdir())


def interrupted_with_itself(made, run):
    """Exit code, output and errors of ab with a binary twice, whose `run`-th run hangs until
    Ctrl-C."""
    a = made.binary("a", timed(FLAT), hangs=[run])
    process = subprocess.Popen(
        [ROOT / "tools/pagestall", "ab", a, a, f"--db={made.db}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until((made.directory / "hangs").exists, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_interrupt_before_the_first_round_is_complete(made):
    code, out, err = interrupted_with_itself(made, run=0)
    assert (code, out) == (130, "")
    assert err == "interrupted: 0 of 20 rounds are complete\n"
    assert not made.db.exists()


def test_interrupted_noise_is_shown_and_not_kept(made):
    code, out, err = interrupted_with_itself(made, run=12)
    assert code == 130
    assert err == "interrupted: 6 of 20 rounds are complete\n"
    assert "with itself, 6 rounds" in out and "Kept" not in out
    assert not made.db.exists()
