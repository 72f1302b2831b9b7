"""The whole report: the answer, then the sections that the runs have rows for."""

import dataclasses
import re

from pagestall_tools.analysis.row_names import axes, is_scan
from pagestall_tools.report import counters, lookups, other_rows, questions, remedies, run_sections
from pagestall_tools.report import scans, stalls, times
from pagestall_tools.report.answer import Answer, answer
from pagestall_tools.report.below import notes_of_columns
from pagestall_tools.report.columns import columns as columns_of
from pagestall_tools.report.gallery import Gallery
from pagestall_tools.report.html import Html, element, page as page_of, paragraph
from pagestall_tools.report.rows import SOURCES_OWN


def page(runs, png_directory=None):
    """The HTML of {label: Run}."""
    gallery = Gallery(png_directory)
    shown, others = {}, {}
    for label, run in runs.items():
        whole = {row: one for row, one in run.rows.items() if is_scan(row)}
        swept = is_sweep(whole)
        rest = {row: one for row, one in run.rows.items() if swept or row not in whole}
        shown[label] = dataclasses.replace(run, rows={} if swept else whole)
        others[label] = dataclasses.replace(run, rows=rest)
    columns = columns_of(shown)
    return page_of(
        f"Pagestall: {', '.join(runs)}",
        element("h1", "Does mmap block an async executor here, and what should it use?"),
        *answers(columns, lookups.are_in(others)),
        about(runs),
        scans.article_section(columns, gallery),
        stalls.stalls_section(columns, gallery),
        remedies.remedies_section(columns, gallery),
        lookups.lookups_section(others, gallery),
        questions.questions_section(others, gallery),
        times.times_section(others),
        other_rows.other_rows_section(others, gallery),
        counters.counters_section(runs),
        run_sections.drift_section(runs, gallery),
        run_sections.machine_section(runs),
        run_sections.failures_section(runs),
    )


def is_sweep(rows):
    """Whether rows differ by more than a table of scans shows, such as the size of chunks."""
    seen = set()
    for row in rows:
        known = axes(row).items()
        key = tuple(one for one in known if one[0] not in SOURCES_OWN)
        if key in seen:
            return True
        seen.add(key)
    return False


def answers(columns, has_lookups):
    """One for each dataset, place and run that can tell; if none can, what is missing."""
    made = [
        (column, answer(column.lines, column.shape[0], column.filesystem())) for column in columns
    ]
    known = [one for one in made if one[1].verdict != "Not known."] or made[:1]
    chosen = [one for one in known if not any(says_more(other, one) for other in known)]
    if not chosen:
        said = answer({}, "")
        below = "For how long lookups by mmap blocked the executor stands below, under Lookups."
        return [block("", dataclasses.replace(said, sure=below) if has_lookups else said)]
    made = [block(column.label if len(chosen) > 1 else "", said) for column, said in chosen]
    return [*made, *notes_of_columns([column for column, _ in chosen])]


def says_more(other, one):
    """Whether another answer is the same of the same machine, but with the remedies measured."""
    (its, its_answer), (own, own_answer) = other, one
    return (
        its.is_ladder()
        and not own.is_ladder()
        and its_answer.verdict == own_answer.verdict
        and (its.shape, its.place) == (own.shape, own.place)
        and its.run.context.get("host_name") == own.run.context.get("host_name")
        and its.filesystem() == own.filesystem()
    )


def block(label, said: Answer):
    kind = {"Yes.": " yes", "No, not measurably.": " no", "No, not in memory.": " no"}
    return element(
        "div",
        paragraph(label, class_="label") if label else "",
        paragraph(element("strong", said.verdict), " ", said.because, class_="because"),
        paragraph(with_command(said.use), class_="use") if said.use else "",
        paragraph(said.sure, class_="note") if said.sure else "",
        class_="answer" + kind.get(said.verdict, ""),
    )


def with_command(text):
    """What is to be typed stands out."""
    before, colon, command = text.rpartition(": tools/run")
    if not colon:
        return text
    return Html("".join([element("span", before, ": "), element("code", f"tools/run{command}")]))


def moment(date):
    """To the minute."""
    if not date:
        return "at an unknown time"
    return date[:16].replace("T", " ") if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", date) else date


def about(runs):
    """Where it was measured, what makes it doubtful, and what failed, in a line or two."""
    places = {}
    for label, run in runs.items():
        known = {key: run_sections.text(value) for key, value in run.context.items()}
        facts = [
            known.get("host_name"),
            known.get("cpu_model"),
            f"{cpus} CPUs" if (cpus := known.get("cpus_online", known.get("num_cpus"))) else None,
            known.get("kernel"),
            known.get("filesystem"),
            f"read-ahead {known['device_read_ahead_kib']} KiB"
            if "device_read_ahead_kib" in known
            else None,
        ]
        text = ", ".join(filter(None, facts))
        doubts = []
        if known.get("hypervisor", "none") not in ("none", "", "unknown"):
            doubts.append("a virtual machine, whose times may vary by a factor of two")
        if known.get("build_type", "Release") not in ("Release", "RelWithDebInfo"):
            doubts.append(f"built as {known['build_type']}, so too slow")
        told = "; ".join([text or "a machine of which the run says nothing", *doubts])
        places.setdefault(told, []).append((label, moment(known.get("date"))))
    parts = []
    for told, measured in places.items():
        if len(runs) > 1:
            when = "Measured: " + ", ".join(f"{label} {date}" for label, date in measured)
        else:
            when = f"Measured {measured[0][1]}"
        parts.append(paragraph(f"{when}, on {told}.", class_="note"))
    parts += [paragraph(element("strong", said)) for said in run_sections.left_out(runs)]
    return Html("\n".join(parts))
