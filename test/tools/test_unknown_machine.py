"""Which machine a run of another suite is of, and who asks."""

import os
import re

import pytest
from made_foreign import CONTEXT, OLD_CONTEXT, rows, write
from made_history import columns, execute, history
from made_runs import CONTEXT as THIS_SUITES
from made_runs import pagestall, repetitions, write_run

pytest_plugins = ["made_binaries"]

CACHES = [{"type": "Data", "level": 1, "size": 49152, "num_sharing": 2}]
UNKNOWN = [
    OLD_CONTEXT, {}, {**OLD_CONTEXT, "host_name": "localhost"}, {"num_cpus": 0, "caches": []},
    {**OLD_CONTEXT, "host_name": "localhost.localdomain"}, {**OLD_CONTEXT, "host_name": "(none)"},
    {**OLD_CONTEXT, "host_name": "localhost6"}, {**OLD_CONTEXT, "host_name": "127.0.0.1"},
]  # fmt: skip


def machine_of(context):
    from pagestall_tools.machine import machine_id

    return machine_id(context)


def test_this_suites_machines_are_called_as_in_histories_that_are_kept():
    assert machine_of(THIS_SUITES) == "4cc60adb733b"


@pytest.mark.parametrize(
    "changed",
    [{"host_name": "srv-9"}, {"num_cpus": 64}, {"caches": CACHES}, {"caches": []},
     {"library_build_type": "debug"}],
)  # fmt: skip
def test_runs_of_two_machines_are_refused(scratch, changed):
    a = write(scratch / "a.json", rows("BM_A", 50))
    b = write(scratch / "b.json", rows("BM_A", 50.1), **changed)
    refused = pagestall("gate", a, b)
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert f"{next(iter(changed))}: " in line and "--anyway" in line
    allowed = pagestall("gate", a, b, "--any-machine")
    assert allowed.returncode == (2 if "library_build_type" in changed else 0)
    assert pagestall("gate", a, b, "--anyway").returncode == 0


def test_clock_rate_load_and_version_are_no_other_machine(scratch):
    changing = {"mhz_per_cpu": 800, "load_avg": [3, 2, 1], "library_version": "v1.9.0",
                "cpu_scaling_enabled": True, "date": "2024-03-02T10:00:00Z"}  # fmt: skip
    a = write(scratch / "a.json", rows("BM_A", 50))
    b = write(scratch / "b.json", rows("BM_A", 50.1), **changing)
    assert pagestall("gate", a, b).returncode == 0


def test_machine_that_takes_far_longer_for_a_system_call_is_another():
    from pagestall_tools.comparison.differences import differences

    one, other = ({**THIS_SUITES, "cost_system_call_ns": str(ns)} for ns in (100, 290))
    assert not differences(one, other)
    far = {**THIS_SUITES, "cost_system_call_ns": "301"}
    assert differences(one, far) == ["cost_system_call_ns: 100 / 301"]
    assert not differences(one, THIS_SUITES), "a run of before they were measured"
    limited = {**THIS_SUITES, "cpu_limit": "1.5"}
    assert differences(THIS_SUITES, limited) == ["cpu_limit: unknown / 1.5"]


@pytest.mark.parametrize("context", UNKNOWN)
def test_unknown_machine_is_refused_unless_that_is_allowed(scratch, context):
    a = write(scratch / "a.json", rows("BM_A", 50), context=context)
    b = write(scratch / "b.json", rows("BM_A", 50.1))
    for words in ((a, a), (a, b), (b, a)):
        done = pagestall("gate", *words)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"error: read '{a}': machine unknown")
        assert "--any-machine" in line
        assert pagestall("gate", *words, "--any-machine").returncode == 0
        assert pagestall("gate", *words, "--anyway").returncode == 0
    both = pagestall("gate", a, a, "--any-machine")
    assert "note: machine unknown" in both.stdout


def test_caches_tell_machines_apart_where_every_host_is_called_the_same(scratch):
    a, b = (
        write(scratch / f"{size}.json", rows("BM_A", 50), host_name="localhost",
              caches=[{"level": 1, "size": size}])
        for size in (32768, 65536)
    )  # fmt: skip
    assert pagestall("gate", a, a).returncode == 0
    assert "caches: L1 unknown 32768 B of unknown / L1 " in pagestall("gate", a, b).stderr


def test_history_keeps_strangers_apart(scratch):
    db = scratch / "history.sqlite"
    laptop, server = (
        [write(scratch / f"{host}{day}.json", rows("BM_A", ns * (1 + day / 1e3)), host_name=host,
               date=f"2024-03-0{day}T10:00:00Z") for day in range(1, 4)]
        for host, ns in (("laptop", 50), ("server", 30))
    )  # fmt: skip
    assert history(db, "add", *laptop[:2], *server[:2]).returncode == 0
    assert len(set(re.findall("^machine (.*):", history(db, "list").stdout, re.M))) == 2
    done = history(db, "gate", laptop[2])
    assert done.returncode == 0, done.stdout
    assert "20/10" in done.stdout
    anywhere = history(db, "gate", laptop[2], "--any-machine")
    assert "40/10" in anywhere.stdout and "on any machine" in anywhere.stdout
    picture = scratch / "plot.svg"
    assert "say --machine" in history(db, "plot", "BM_A", "-o", picture).stderr
    plotted = history(db, "plot", "BM_A", "-o", picture, "--any-machine")
    assert plotted.returncode == 0 and "in 4 runs" in plotted.stdout
    its_id = machine_of(CONTEXT | {"host_name": "laptop"})
    for words in ([], ["--any-machine"]):
        own = history(db, "plot", "BM_A", "-o", picture, "--machine", its_id, *words)
        assert own.returncode == 0 and "in 2 runs" in own.stdout
    debug = write(
        scratch / "debug.json", rows("BM_A", 50), host_name="x", library_build_type="debug"
    )
    assert "no earlier run" in history(db, "gate", debug, "--any-machine").stderr


def test_run_that_does_not_name_its_binary_is_called_so(scratch):
    db = scratch / "history.sqlite"
    runs = [
        write(scratch / f"{day}.json", rows("BM_A", 50), executable=None,
              date=f"2024-03-0{day}T10:00:00Z")
        for day in range(1, 4)
    ]  # fmt: skip
    named = write(scratch / "named.json", rows("BM_A", 50))
    assert history(db, "add", *runs[:2], named).returncode == 0
    assert sorted(one[2:4] for one in columns(db)) == [["-", "-"], ["-", "-"], ["-", "bench"]]
    nobody = "a run that does not name its binary"
    assert f"the last 2 runs of {nobody} before it" in history(db, "gate", runs[2]).stdout
    other = write(scratch / "other.json", rows("BM_B", 50), executable=None)
    assert f"no earlier run of {nobody} with any" in history(db, "gate", other).stderr
    picture = scratch / "plot.svg"
    asked = history(db, "plot", "BM_A", "-o", picture).stderr
    assert asked.endswith(f"say --binary, one of: '' ({nobody}), bench\n")
    plotted = history(db, "plot", "BM_A", "-o", picture, "--binary", "")
    assert "in 2 runs" in plotted.stdout and nobody in picture.read_text()


def test_history_takes_an_unknown_machine_only_where_that_is_allowed(scratch):
    db = scratch / "history.sqlite"
    first, second = (
        write(scratch / f"{day}.json", rows("BM_A", 50), context=OLD_CONTEXT,
              date=f"2018-05-0{day} 10:00:00")
        for day in (1, 2)
    )  # fmt: skip
    refused = history(db, "add", first)
    assert refused.returncode == 2 and "machine unknown" in refused.stderr
    assert not db.exists()
    assert history(db, "add", first, "--any-machine").returncode == 0
    assert "machine 44136fa355b3: unknown" in history(db, "list").stdout
    assert "machine unknown" in history(db, "gate", second).stderr
    assert history(db, "gate", second, "--any-machine").returncode == 0
    picture = scratch / "plot.svg"
    assert "machine unknown" in history(db, "plot", "BM_A", "-o", picture).stderr
    assert history(db, "plot", "BM_A", "-o", picture, "--any-machine").returncode == 0


def test_noise_of_an_unknown_machine_is_nobodys(began):
    a = began.binary("a", [rows("BM_A", 50, 1)], context=OLD_CONTEXT)
    done = began.ab(a, a, "--rounds=5")
    assert done.returncode == 2 and "machine unknown" in done.stderr
    assert "--any-machine" not in done.stderr
    assert len(began.calls()) == 2, "after the first round"
    b = began.binary("b", [rows("BM_A", 50, 1)], context=OLD_CONTEXT)
    assert "machine unknown" not in began.ab(a, b, "--rounds=9").stderr, "both ran here"


def test_run_that_was_kept_with_strangers_moves_to_its_machine(scratch):
    db = scratch / "history.sqlite"
    path = write(scratch / "run.json", rows("BM_A", 50))
    assert history(db, "add", path).returncode == 0
    execute(db, "INSERT INTO machines VALUES ('44136fa355b3', '{}')")
    execute(db, "UPDATE runs SET machine = '44136fa355b3'")
    again = history(db, "add", path)
    assert "already there" in again.stdout
    listed = history(db, "list").stdout
    assert re.search(f"^machine {machine_of(CONTEXT)}.*\n.*\n +2024-03-01", listed, re.M)
    assert len(columns(db)) == 1


def test_csv_leaves_an_unknown_machine_empty(scratch):
    path = write(scratch / "run.json", rows("BM_A", 50, 1), context=OLD_CONTEXT)
    assert pagestall("csv", path).stdout.endswith('"2018-05-02 10:00:00",\n')


def test_dates_of_old_libraries_are_read(scratch):
    db = scratch / "history.sqlite"
    path = write(scratch / "run.json", rows("BM_A", 50, 1), date="2015/03/17-18:40:25")
    assert history(db, "add", path).returncode == 0
    assert columns(db)[0][:2] == ["2015-03-17", "18:40:25"]


def test_history_that_the_environment_names_may_be_begun_later(scratch):
    """As in a pipeline's first run."""
    a, b = (write_run(scratch / f"{side}.json", repetitions("x", [1.0 + i / 1e3 for i in range(9)]))
            for side in "ab")  # fmt: skip
    db = scratch / "none/history.sqlite"
    done = pagestall("gate", a, b, "--in_turn", env=os.environ | {"PAGESTALL_DB": str(db)})
    assert done.returncode == 0
    assert "1 row: 1 same" in done.stdout
    assert done.stderr == (
        f"note: PAGESTALL_DB: open history '{db}': No such file or directory; tools/pagestall "
        "history add RUN.json makes it; until then no measured noise counts\n"
    )
    assert not db.parent.exists()
    named = pagestall("gate", a, b, "--db", db)
    assert (named.returncode, named.stdout) == (2, "")


def test_comparison_of_binaries_begins_without_the_history_as_well(made):
    a, b = (made.binary(side, [rows("BM_A", 50, 1)]) for side in "ab")
    done = made.ab(a, b, "--rounds=9")
    assert done.returncode in (0, 2) and "1 row: " in done.stdout
    assert done.stderr.startswith("note: PAGESTALL_DB: open history")


