"""The ladder of remedies: what each configuration takes, from the hazard down to what stalls
the executor least."""

import textwrap

from pagestall_tools.analysis.advice import advice
from pagestall_tools.analysis.figures import median
from pagestall_tools.analysis.scans import count, place_name, rung

WIDTH = 100

# Heading, cache, of what the median is shown, digits, width.
COLUMNS = [
    ("cold", "cold", "s", 3, 7),
    ("warm", "warm", "s", 3, 8),
    ("cold", "cold", "stall_p99_ms", 1, 9),
    ("warm", "warm", "stall_p99_ms", 1, 8),
    ("ms", "cold", "blocked_ms", 1, 8),
    ("s", "cold", "cpu_s", 3, 7),
    ("threads", "cold", "threads", 0, 8),
    ("MiB", "cold", "memory_mib", 1, 7),
]


def print_report(shape, places):
    files, mib, stride = shape
    about = (
        f"What it takes not to block: the sum of every {stride}th byte of {files} files of {mib} "
        f"MiB. Medians; repetitions per row: {count(places)}. The hazard first, then what it is "
        "measured against, then the remedies, the longest cold stall (p99) first. Blocked time, "
        "CPU time, threads and memory beyond the page cache are those of cold scans."
    )
    print(textwrap.fill(about, WIDTH))
    print()
    for place, lines in places.items():
        if place_name(place):
            print(f"{place_name(place)}:")
            print()
        print_ladder(lines)


def print_ladder(lines):
    width = max(len(source) for _, source in lines) + 1
    print(
        f"{'':{9 + width}}{'seconds':>15}{'stall p99 ms':>17}{'blocked':>8}{'CPU':>7}{'memory':>15}"
    )
    names = "".join(f"{heading:>{size}}" for heading, _, _, _, size in COLUMNS)
    print(f"{'executor':9}{'source':{width}}{names}")
    for (executor, source), caches in sorted(lines.items(), key=rung):
        cells = ""
        for _, cache, key, digits, size in COLUMNS:
            value = median(caches.get(cache, []), key)
            cells += f"{'-':>{size}}" if value is None else f"{value:{size}.{digits}f}"
        print(f"{executor:9}{source:{width}}{cells}")
    print()
    if text := advice(lines):
        print(textwrap.fill(text, WIDTH, break_on_hyphens=False))
        print()
