"""Verdicts for a person to read."""

from pagestall_tools.words import plural, printable

ORDER = ["slower", "faster", "cannot tell", "same"]


def print_verdicts(verdicts, file):
    """A table; slower rows first."""
    names, width = print_common(verdicts, file)
    print(
        f"{'row':{width}} {'n':>5} {'ratio':>6} {'95 %':>11} {'adj. p':>6} {'noise':>5}  verdict",
        file=file,
    )
    for one in sorted(verdicts, key=lambda one: (ORDER.index(one.verdict), -(one.ratio or 0))):
        n = f"{one.baseline}/{one.contender}"
        figures = f"{'-':>6} {'-':>11} {'-':>6} {'-':>5}"
        if one.ratio is not None:
            p = f"{one.p:.2g}" if one.p >= 0.001 else f"{one.p:.0e}"
            figures = f"{ratio(one.ratio):>6} {interval(one):>11} {p:>6} {one.noise:>5.1%}"
        print(f"{names[one.row]:{width}} {n:>5} {figures}  {one.verdict}", file=file)
        if one.why:
            print(f"    {one.why}", file=file)


def print_noise(verdicts, file):
    """Of a binary with itself, every row compared: a table of the rows' noise floors."""
    names, width = print_common(verdicts, file)
    print(f"{'row':{width}} {'n':>4} {'ratio':>6} {'95 %':>11} {'noise':>6}", file=file)
    for one in sorted(verdicts, key=lambda one: one.row):
        print(
            f"{names[one.row]:{width}} {one.baseline:4} {ratio(one.ratio):>6} "
            f"{interval(one):>11} {noise_floor(one):6.1%}",
            file=file,
        )


def print_common(verdicts, file):
    """What the names of all rows have in common. Returns ({row: the rest of its name}, its width)."""
    names, common = row_names([one.row for one in verdicts])
    if common:
        print(f"rows: {common}", file=file)
    return names, max([3, *map(len, names.values())])


def noise_floor(verdict):
    """How far from 1 the interval of the ratio of equal runs reaches, as a fraction; the same
    for a ratio and its reciprocal."""
    return max(verdict.high, 1 / verdict.low) - 1


def noise_source(verdicts, measured):
    """Where the noise of so many verdicts is from: `measured` is {row: fraction}."""
    known = sum(one.row in measured for one in verdicts)
    if not known:
        return "Noise: as these times show it"
    return (
        f"Noise: as these times show it; in {known} of {plural(len(verdicts), 'row')} no less than "
        "what equal runs differed by"
    )


def of_time(is_cpu_time):
    return "; compared is CPU time" if is_cpu_time else ""


def summary(verdicts):
    counts = {name: 0 for name in ("same", "faster", "slower", "cannot tell")}
    for one in verdicts:
        counts[one.verdict] += 1
    rows = plural(len(verdicts), "row")
    return f"{rows}: " + ", ".join(f"{count} {name}" for name, count in counts.items())


def row_name(row):
    """Without what Google Benchmark adds."""
    for added in ("/real_time", "/manual_time", "/iterations:1"):
        row = row.removesuffix(added)
    return printable(row)


def row_names(rows):
    """{row: its name, without the family and the dataset where those are the same for all rows},
    and these two as a text."""
    plain = {row: row_name(row) for row in rows}
    families = {name.partition("/")[0] for name in plain.values()}
    datasets = {"".join(name.partition("/files:")[1:]) for name in plain.values()}
    family = families.pop() + "/" if len(families) == 1 else ""
    dataset = datasets.pop() if len(datasets) == 1 else ""
    names = {row: name.removeprefix(family).removesuffix(dataset) for row, name in plain.items()}
    if not family and not dataset or not all(names.values()):
        return plain, ""
    return names, f"{family}...{dataset}"


def interval(verdict):
    return f"{ratio(verdict.low)}-{ratio(verdict.high)}"


def ratio(value):
    """To a thousandth: what counts may be one."""
    return f"{value:.3f}" if value < 10 else f"{value:.4g}"
