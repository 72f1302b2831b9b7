"""A run with hostile names, of rows and of files, is shown as text."""

import os
import shutil

import in_process
from conftest import ROOT, finished
from made_history import history
from made_pages import EVIL
from made_runs import CONTEXT, ROW, failure, pagestall, repetitions, write_run
from readers import COMMANDS, SAVED, is_control

pytest_plugins = ["made_binaries", "made_place"]

READ = ROW.format("seq", "read", "warm")
NAME = EVIL.replace("/", "|") + "\u009b2J\r\n"
TEXT = NAME + "\ud800\x00"  # no row's name


def check_shown(done, *codes):
    """That a terminal finds nothing to act on, and a reader what was hostile."""
    shown = done.stdout + done.stderr
    assert done.returncode in codes, shown
    assert not any(map(is_control, shown.replace("\n", ""))), shown
    assert r"\x1b[31m\u202e" in shown


def hostile(path, seconds, **context):
    rows = [READ, *(ROW.format(*one) for one in ((NAME, "read", "cold"), ("async", NAME, "warm")))]
    return write_run(
        path,
        *(repetitions(one, [seconds * (1 + index / 1e3) for index in range(12)]) for one in rows),
        [failure(ROW.format("async", NAME, "cold"), TEXT), failure(NAME, TEXT)],
        [failure(ROW.format("seq", NAME, "warm"), "not available here: " + TEXT)],
        **{"executable": f"bench/{TEXT}", "slow_down": "", "kernel": TEXT, "cpu_model": TEXT},
        **context,
    )  # fmt: skip


def test_terminal_finds_nothing_to_act_on(place):
    a = hostile(place.directory / "a.json", 1)
    b = hostile(place.directory / "b.json", 1.5, hypervisor=TEXT, date="2026-11-26T10:00:00")
    check_shown(in_process.run("table", a), 1)
    check_shown(in_process.run("pagestall", "gate", a, a), 0)
    check_shown(in_process.run("pagestall", "gate", "--anyway", "--in_turn", a, b), 1)
    refused = in_process.run("pagestall", "gate", a, b)
    check_shown(refused, 2)
    assert len(refused.stderr.splitlines()) == 1
    keep = place.directory / "keep"
    keep.mkdir()
    for kind in ("warm", "cold"):
        shutil.copy(a, keep / f"{kind}-001.json")
    kept = in_process.run("gate_rates", "--data_dir=data", f"--keep={keep}", "--binary=/bin/false")
    check_shown(kept, 2)
    assert len(kept.stderr.splitlines()) == 1


def test_terminal_finds_nothing_to_act_on_in_a_history(place):
    runs = [
        hostile(place.directory / f"{one}.json", 1, date=f"2026-11-2{one}T10:00:00")
        for one in range(3)
    ]
    assert history(place.db, "add", *runs[:2]).returncode == 0
    check_shown(history(place.db, "list"), 0)
    check_shown(history(place.db, "gate", runs[2]), 0, 2)
    picture = place.directory / "plot.svg"
    check_shown(history(place.db, "plot", "none", "-o", picture), 2)
    check_shown(history(place.db, "plot", ".", "-o", picture), 2)


def test_terminal_finds_nothing_to_act_on_in_what_ab_ran(made):
    rows = [*repetitions(READ, [1]), *repetitions(ROW.format(NAME, "read", "cold"), [1])]
    failed = failure(ROW.format("async", NAME, "cold"), TEXT)
    plan = {"code": 1, "context": CONTEXT | {"kernel": TEXT, "cpu_model": TEXT}}
    a = made.binary("a", [[*rows, failed]], **plan)
    b = made.binary("b", [[*rows, failed]], **plan | {"context": CONTEXT})
    check_shown(made.ab(a, b, "--rounds=6", db=False), 0, 2)
    broken = made.binary("b", None, code=1, stderr=f"{TEXT}\n{TEXT}\n")
    check_shown(made.ab(a, broken, "--rounds=6", db=False), 2)


def test_names_of_files_are_shown_as_text(place, monkeypatch):
    monkeypatch.chdir(place.directory)
    name = "a\n\x1b[31m\u202e\udcff.json"
    for command in COMMANDS:
        if command != "gate_rates":
            done = in_process.run(*COMMANDS[command](place, name))
            check_shown(done, 2)
            assert len(done.stderr.splitlines()) == 1
    shutil.copy(SAVED, name)
    check_shown(in_process.run("pagestall", "report", name), 0)
    env = os.environ | {"PAGESTALL_DB": "history.sqlite"}
    check_shown(pagestall("history", "add", name, env=env), 0)
    check_shown(pagestall("history", "gate", name, env=env), 2)


def test_locale_may_lack_what_is_shown(place):
    rows = repetitions(ROW.format("seq", "gr\u00fcn", "warm"), [1.5] * 6)
    run = write_run(place.directory / "run.json", rows)
    env = os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    for words in (["table", run], ["pagestall", "gate", run, run]):
        done = finished(ROOT / "tools" / words[0], *words[1:], env=env)
        assert (done.returncode, done.stderr) == (0, "")
        assert r"gr\xfcn" in done.stdout
