"""Keeps runs in a database, and looks back: what changed, and when.

    tools/pagestall history add results/*.json        # as often as you like: each once
    tools/pagestall history list
    tools/pagestall history plot 'exec:async/io:mmap/cache:cold' -o mmap.png
    tools/pagestall history gate results/today.json   # slower than the runs before it?

Runs are kept by machine (CPU, memory, file system, device, build type; for those of other suites
host_name, num_cpus, caches and the library's build type): two virtual machines of one kind are
one machine, and runs of two kinds are not compared. Nor are those of one machine between which a
system call or a page fault became three times as slow or as fast, or the storage reads from
something else. Where a run does not say on which machine it was made, or hosts have a new name each
time, --any-machine is for who knows that it does not matter.

The database is a file, results/history.sqlite of this checkout, unless --db or the environment
variable PAGESTALL_DB names another; for a team it is a PostgreSQL database, which any number of
machines may add to at once:

    export PAGESTALL_DB=postgresql://USER@HOST/DATABASE    # password: in ~/.pgpass
    tools/pagestall history list --db /mnt/team/history.sqlite

A value there that cannot be one (a disk or a person has damaged it) is named and left out with its
repetition or run; a database that lacks a part is refused.

tools/pagestall history COMMAND --help explains each. Exit code: 0, or 2 if something cannot be
read or stored; gate has 1 for slower."""

import argparse
import pathlib

from pagestall_tools import left_out
from pagestall_tools.bad_input import BadInput
from pagestall_tools.commands.flags import add_any_machine, add_threshold
from pagestall_tools.history.dates import date_of
from pagestall_tools.history.machines import one_machine
from pagestall_tools.history.opening import open_history
from pagestall_tools.machine import check_known, machine_id
from pagestall_tools.runs import read
from pagestall_tools.words import printable

ADD = """Adds runs: what --benchmark_out (or tools/run) wrote in JSON.

    tools/pagestall history add results/*.json

A run that is there already is left alone, under whatever name it comes: it is known by its
context, its times and its errors. Each is added as a whole or not at all; none is if one of the
files is not a run's, of a run with --slow_down, or of an unknown machine without --any-machine.
Entries and counters that cannot be measurements are named and left out. Exit code: 0, or 2 on an
error."""

LIST = """Lists the machines, and the runs of each in order of date: how many rows were measured,
how often in all, and how many rows failed (what is not available on a machine is no failure).

    tools/pagestall history list
    tools/pagestall history list --machine 3f2a        # the beginning of its ID is enough"""

PLOT = """Plots one row over the runs of a machine in order of date: every repetition a dot, a line
through the medians of the runs, and where the level changed for good, between which commits.
Prints the changes as well. Runs in which the row failed are left out, and so are those that differ
from the newest run: in the dataset (seed, evict), in what a system call or a page fault takes by a
factor of three, or in what the storage reads from.

    tools/pagestall history plot 'exec:async/io:mmap/cache:cold' -o mmap.png
    tools/pagestall history plot 'exec:seq/io:read/cache:warm' --machine 3f2a -o read.svg

Changes are searched in the runs' medians (E-divisive: a permutation test at 0.01). One run
unlike the others is none, and it takes 11 runs or so to be sure of any. Exit code: 0, changes or
none; 2 on an error."""

GATE = """Tells whether a run is slower than the runs before it on the same machine, added or not.

    tools/pagestall history gate results/today.json
    tools/pagestall history gate results/today.json --window 30 --threshold 10

Each row is compared with its repetitions in the last runs (--window) of the same binary that
measured it and were made before. Left out are those in which it failed, and those that differ from
this run: in the dataset (seed, evict), in what a system call or a page fault takes by a factor of
three, or in what the storage reads from.

A row is slower if that is significant, by more than --threshold and by more than the noise: the
largest of what the repetitions show of it, of what "tools/pagestall ab X X" measured on this
machine, and of what the next run may differ by from those before it, as far as their medians tell.
That takes 5 runs; before, a run that differs by chance may be called slower. Some row exceeds it by
chance in one of 200 equal runs.

Exit code: 0 if no row is slower (rows of which one cannot tell may be), 1 if one is, 2 if there
is no answer: no history to compare with, of no row one can tell, a row that those runs measured
failed, was skipped or has no readable time, or something cannot be read."""


def add_arguments(parser):
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--db", metavar="FILE|URL",
        help="the database (default: $PAGESTALL_DB, or results/history.sqlite of this checkout)",
    )  # fmt: skip
    chosen = parser.add_subparsers(dest="action", metavar="COMMAND", required=True)

    def command(name, summary, description, act):
        made = chosen.add_parser(
            name, help=summary, description=description, parents=[common],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        made.set_defaults(act=act)
        return made

    adds = command("add", "adds runs", ADD, add)
    adds.add_argument("json", nargs="+", metavar="RUN.json", help="what --benchmark_out wrote")
    add_any_machine(adds, "add runs of an unknown machine as well")
    lists = command("list", "lists machines and runs", LIST, list_runs)
    lists.add_argument("--machine", metavar="ID", help="of this machine only")
    plots = command("plot", "plots a row over time, with its changes", PLOT, plot)
    plots.add_argument("row", metavar="ROW", help="a regular expression that finds one row")
    plots.add_argument("--machine", metavar="ID", help="say it where several measured the row")
    add_any_machine(plots, "the runs of whichever machine, unknown ones as well")
    plots.add_argument(
        "--binary", metavar="NAME", help="say it where several have the row; '' is of runs without"
    )
    plots.add_argument("--last", type=positive, default=100, metavar="N", help="how many runs (100)")
    plots.add_argument(
        "-o", "--output", type=pathlib.Path, default=pathlib.Path("history.png"),
        metavar="FILE", help="ends with .png, .svg or .pdf (history.png)",
    )  # fmt: skip
    gates = command("gate", "whether a run is slower than those before it", GATE, gate)
    gates.add_argument("json", metavar="RUN.json", help="what --benchmark_out wrote")
    gates.add_argument(
        "--window", type=positive, default=10, metavar="N", help="how many runs before it (10)"
    )
    add_any_machine(gates, "compare with the runs of whichever machine, unknown ones as well")
    add_threshold(gates)


def positive(word):
    number = int(word)
    if number < 1:
        raise ValueError(word)
    return number


def run(arguments):
    return arguments.act(arguments)


def add(arguments):
    runs = [read(path) for path in arguments.json]
    left_out.show(*runs)
    for one in runs:
        check(one)
        check_known(one, arguments.any_machine)
    with open_history(arguments.db, create=True) as history:
        for one in runs:
            if history.add(one):
                repetitions = sum(map(len, one.rows.values()))
                print(
                    f"{printable(one.path)}: added to machine {machine_id(one.context)}: "
                    f"{len(one.rows)} rows, {repetitions} repetitions"
                )
            else:
                print(f"{printable(one.path)}: already there")
    return 0


def check(run):
    """Raises BadInput if it is not to be kept."""
    if run.context.get("slow_down"):
        raise BadInput(
            f"add '{run.path}': made with --slow_down={printable(run.context['slow_down'])}, so it "
            "is no measurement of this machine"
        )
    date_of(run)


def list_runs(arguments):
    with open_history(arguments.db) as history:
        machines = history.machines()
        if arguments.machine is not None:
            machine = one_machine(machines, arguments.machine)
            machines = {machine: machines[machine]}
        for machine, fingerprint in machines.items():
            print_machine(machine, fingerprint, history.runs(machine))
    return 0


def print_machine(machine, fingerprint, runs):
    known = ", ".join(f"{key} {text}" for key, text in fingerprint.items()) or "unknown"
    print(printable(f"machine {machine}: {known}"))
    width = max([6, *(len(printable(one.binary)) for one in runs)])
    print(f"  {'date (UTC)':19}  {'commit':12}  {'binary':{width}}  rows  repetitions  failed rows")
    for one in runs:
        line = (
            f"{one.date:%Y-%m-%d %H:%M:%S}  {printable(one.commit[:12]) or '-':12}  "
            f"{printable(one.binary) or '-':{width}}  {one.rows:4}  {one.repetitions:11}  {one.failed:11}"
        )
        print(f"  {line}")
    print()


def plot(arguments):
    from pagestall_tools.history import plot as history_plot

    with open_history(arguments.db) as history:
        return history_plot.plot(history, arguments)


def gate(arguments):
    from pagestall_tools.history import gate as history_gate

    contender = read(arguments.json)
    left_out.show(contender)
    check_known(contender, arguments.any_machine)
    with open_history(arguments.db) as history:
        return history_gate.run(
            history, contender, arguments.window, arguments.threshold, arguments.any_machine
        )
