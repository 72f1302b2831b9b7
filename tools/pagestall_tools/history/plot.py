"""Plots a row over the runs of a machine."""

import io
import re
import statistics
import textwrap
import warnings

from pagestall_tools import words
from pagestall_tools.analysis.row_names import axes
from pagestall_tools.bad_input import BadInput
from pagestall_tools.comparison.differences import dataset_differences
from pagestall_tools.history.change_points import change_points
from pagestall_tools.history.machines import of_one_machine, one_machine, stranger_notes
from pagestall_tools.machine import machine_id
from pagestall_tools.whole_file import write_whole
from pagestall_tools.words import printable

FORMATS = [".png", ".svg", ".pdf"]

# Labels that have room side by side, and rows that an error lists.
LABELS = 24
CANDIDATES = 8

# Of the title.
COLUMNS = 150


def plot(history, arguments):
    if arguments.output.suffix not in FORMATS:
        raise BadInput(f"write '{arguments.output}': the name must end with {', '.join(FORMATS)}")
    machine, fingerprint, binary, row = choose(history, arguments)
    samples, notes = comparable(history, machine, binary, row, arguments.any_machine)
    samples = samples[-arguments.last :]
    changes = change_points([sample.median for sample in samples])
    title = (
        f"Time of each repetition, run by run, and where it changed for good\n{in_words(row)}\n"
        + words.binary(binary)
        + printable(
            " on any machine"
            if machine is None
            else f" on machine {machine}: {described_machine(fingerprint)}"
        )
    )
    figure = draw(samples, changes, title)
    write_whole(arguments.output, picture(figure, arguments.output.suffix))
    for line in described(samples, changes):
        print(f"change: {line}")
    if not changes:
        print(f"no change in {words.plural(len(samples), 'run')}")
    for note in notes:
        print(printable(note))
    print(arguments.output)
    return 0


def described_machine(fingerprint):
    if "cpu_model" not in fingerprint:  # of another suite
        return ", ".join(
            f"{key} {fingerprint[key]}" for key in ("host_name", "num_cpus") if key in fingerprint
        )
    filesystem = fingerprint.get("filesystem", "several file systems")
    return f"{fingerprint['cpu_model']}, {filesystem}"


def comparable(history, machine, binary, row, any_machine):
    """([Sample] of the runs that measured what the newest one did, and unless `any_machine`
    where it did, lines that say how many others there are)."""
    contexts = history.contexts(machine, binary)
    samples = history.samples(list(contexts), row=row).get(row)
    if not samples:
        raise BadInput(f"plot '{row}': no run in '{history.database}' has a time of it to read")
    newest = contexts[samples[-1].run]
    here, strangers = {one.run: contexts[one.run] for one in samples}, []
    if not any_machine:
        here, strangers = of_one_machine(here, newest)
    same = [
        one
        for one in samples
        if one.run in here and not dataset_differences(here[one.run], newest)
    ]
    notes = list(stranger_notes(strangers, "the newest run"))
    if others := len(here) - len(same):
        what = words.plural(others, "run")
        notes.append(f"left out: {what} of another dataset (seed, evict) than the newest run's")
    return same, notes


def choose(history, arguments):
    """(machine, its fingerprint, binary, row): the only ones that the arguments leave. With
    --any-machine the machine is None."""
    machines = history.machines()
    asked = machines
    if arguments.machine is not None:
        asked = [one_machine(machines, arguments.machine)]
    known = [
        (row, binary, machine)
        for machine in asked
        for row, binary in history.rows(machine)
        if arguments.binary in (None, binary)
    ]
    found = matching(known, arguments.row)
    rows, binaries, ids = (sorted({one[part] for one in found}) for part in range(3))
    if not rows:
        raise BadInput(f"plot '{arguments.row}': no row matches; {listed(known)}")
    if len(rows) > 1:
        raise BadInput(f"plot '{arguments.row}': {len(rows)} rows match; {listed(found)}")
    for option, several in (("--machine", ids), ("--binary", binaries)):
        if len(several) > 1 and not (option == "--machine" and arguments.any_machine):
            # --binary '' is that of runs that name none.
            said = ", ".join(printable(one) or f"'' ({words.binary('')})" for one in several)
            raise BadInput(f"plot '{arguments.row}': say {option}, one of: {said}")
    if arguments.any_machine and arguments.machine is None:
        return None, {}, binaries[0], rows[0]
    if ids[0] == machine_id({}) and not arguments.any_machine:
        raise BadInput(
            f"plot '{arguments.row}': machine unknown: these runs may be of several; plot them "
            "all the same with --any-machine"
        )
    return ids[0], machines[ids[0]], binaries[0], rows[0]


def matching(known, expression):
    exact = [one for one in known if one[0] == expression]
    if exact:
        return exact
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise BadInput(f"plot '{expression}': not a regular expression: {error}") from error
    return [one for one in known if pattern.search(one[0])]


def listed(known):
    rows = sorted({row for row, _, _ in known})
    more = f" and {len(rows) - CANDIDATES} more" if len(rows) > CANDIDATES else ""
    if not rows:
        return "there are none"
    return f"there are: {printable(', '.join(rows[:CANDIDATES]))}{more}"


def in_words(row):
    """ "scan; runs on: async; source: mmap; page cache: cold; ..." """
    known = axes(row)
    known.pop("iterations", None)
    said = [f"{words.axis(key)}: {text}" for key, text in known.items()]
    return printable("; ".join([row.split("/", 1)[0], *said]) if said else row)


def described(samples, changes):
    """A line for each change, with the medians of the runs' medians on both sides, up to the
    next change."""
    bounds = [0, *changes, len(samples)]
    for start, index, end in zip(bounds, bounds[1:], bounds[2:]):
        level, its = (
            statistics.median(sample.median for sample in side)
            for side in (samples[start:index], samples[index:end])
        )
        by = f", {its / level - 1:+.1%}" if level > 0 else ""
        before, after = samples[index - 1], samples[index]
        yield (
            f"{commit(before)} -> {commit(after)}, {after.date:%Y-%m-%d %H:%M:%S} UTC: "
            f"{level:.4g} s -> {its:.4g} s{by}"
        )


def commit(sample):
    return printable(sample.commit[:12]) or "unknown"


def draw(samples, changes, title):
    """The figure."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "pagestall"  # the same picture, the same file
    matplotlib.rcParams["text.parse_math"] = False
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(figsize=(12, 6), layout="constrained")
    dots = [(at, one) for at, sample in enumerate(samples) for one in sample.seconds]
    axes.plot(*zip(*dots), "o", color="tab:blue", alpha=0.4, markersize=4, label="repetition")
    medians = [sample.median for sample in samples]
    axes.plot(medians, "-", color="tab:blue", label="median of a run")
    for index in changes:
        axes.axvline(index - 0.5, color="tab:red", linestyle="--")
        axes.annotate(
            f"{commit(samples[index - 1])} \N{RIGHTWARDS ARROW} {commit(samples[index])}",
            (index - 0.5, 0.01), xycoords=("data", "axes fraction"), rotation=90,
            color="tab:red", ha="right", va="bottom",
        )  # fmt: skip
    # Not wrap=True, whose measuring parses $...$ whatever parse_math says.
    lines = [wrapped for line in title.splitlines() for wrapped in textwrap.wrap(line, COLUMNS)]
    axes.set_title("\n".join(lines), loc="left", fontsize=9)
    axes.set_ylim(0, 1.05 * max(one for _, one in dots) or None)
    axes.set_ylabel("time")
    axes.yaxis.set_major_formatter(ticker.EngFormatter(unit="s"))
    axes.set_xlabel("commit and date (UTC) of a run, in order of date")
    labelled = range(0, len(samples), -(-len(samples) // LABELS))
    axes.set_xticks(
        labelled,
        [f"{commit(samples[at])}\n{samples[at].date:%Y-%m-%d}" for at in labelled],
        rotation=90,
        fontsize=8,
    )
    axes.legend(loc="best", fontsize=8)
    return figure


def picture(figure, suffix):
    """The bytes of a file with that suffix; without the date where it would be in them."""
    from matplotlib import pyplot

    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    made = io.BytesIO()
    with warnings.catch_warnings():  # of glyphs that no font here has
        warnings.simplefilter("ignore")
        figure.savefig(made, format=suffix[1:], dpi=120, metadata=undated.get(suffix))
    pyplot.close(figure)
    return made.getvalue()
