"""The rows of a family beside each other: in which axes they differ, and in what order."""

from pagestall_tools import words
from pagestall_tools.analysis.row_names import axes
from pagestall_tools.row_words import of_runs

# Axes of a source: of what size its reads are, and how many ahead.
SOURCES_OWN = ("buffer_kib", "chunk_kib", "ahead")

# What Google Benchmark adds to a name of how a row is timed.
ITS_TIMES = {"real_time", "manual_time", "process_time"}


def suite_family(row):
    """None of a row of another suite, whatever it is called: this one's all say what runs them,
    and on what or for how long."""
    known = axes(row)
    return words.family(row) if "exec" in known and {"files", "ms"} & known.keys() else None


def differing(rows):
    """The names of axes in which rows differ, in the rows' order; a source's own only if rows of
    one source differ in it."""
    all_axes = [axes(row) for row in rows]
    names = dict.fromkeys(name for known in all_axes for name in known if name != "iterations")
    return [
        name
        for name in names
        if len({known.get(name) for known in all_axes}) > 1
        and not (name in SOURCES_OWN and is_of_source(name, all_axes))
    ]


def is_of_source(name, all_axes):
    """Whether a row's source decides its value."""
    pairs = {(known.get("io"), known.get(name)) for known in all_axes}
    return len(pairs) == len({source for source, _ in pairs})


def labels(row, names, said):
    """`said` is the runs' RowWords."""
    known = axes(row)
    return [
        said.executor(known[name]) if name == "exec" and name in known else known.get(name, "–")
        for name in names
    ]


def is_all_axes(row):
    parts = [one for one in row.split("/")[1:] if one not in ITS_TIMES]
    return bool(parts) and all(":" in one for one in parts)


def told_apart(rows, said):
    """(headings, {row: as many texts}): the axes in which they differ, else their names."""
    names = differing(rows) or ["exec"]
    texts = {row: labels(row, names, said) for row in rows}
    if not all(map(is_all_axes, rows)) or len(set(map(tuple, texts.values()))) < len(rows):
        return ["row"], {row: [row] for row in rows}
    return names, texts


def headings(names, own, runs):
    """Those of a table that has `names` once and `own` for each run: whose they are stands above
    if there are several."""
    heads = [[*map(words.axis, names), *own * len(runs)]]
    if len(runs) > 1:
        heads.insert(0, [*[""] * len(names), *((label, len(own)) for label in runs)])
    return heads


def runs_with(runs, rows):
    """Of {label: run}, those that have measured one of the rows."""
    return {label: run for label, run in runs.items() if any(row in run.rows for row in rows)}


def rows_of(runs, wanted):
    """Those of a family, in order: known sources as the suite has them, numbers by size."""
    rows = {row for run in runs.values() for row in run.rows if wanted(row)}
    return sorted(rows, key=order(of_runs(runs)))


def families(runs, family_of):
    """{family: its rows, in order}, in the order in which they come; None is no family."""
    known = {}
    for row in dict.fromkeys(row for run in runs.values() for row in run.rows):
        if (its := family_of(row)) is not None:
            known.setdefault(its, []).append(row)
    by = order(of_runs(runs))
    return {its: sorted(rows, key=by) for its, rows in known.items()}


def order(said):
    """A key of rows to sort by; `said` is the runs' RowWords."""
    known = said.sources

    def key(row):
        parts = []
        for name, text in axes(row).items():
            rank = known.index(text) if name == "io" and text in known else len(known)
            number = words.natural(text, digits=19)
            parts.append((name != "load", rank, -1 if number is None else number, text))
        return parts, row

    return key


def repetitions_of(runs, rows):
    """ "3 repetitions", "3 to 5 repetitions" """
    counts = {len(run.rows[row]) for run in runs.values() for row in rows if row in run.rows}
    if len(counts) == 1:
        return words.plural(counts.pop(), "repetition")
    return f"{min(counts)} to {max(counts)} repetitions"
