"""The rows of each binary: those that people name are golden, the others follow one grammar."""

import dataclasses
import re

import pytest

from conftest import BUILD, EMULATOR, ROOT, finished

# In this order in a name, as far as a row has them.
AXES = [
    "exec", "load", "io", "dist", "cache", "resident_pct", "buffer_kib", "chunk_kib", "ahead",
    "order", "block_kib", "yield_kib", "probe", "prefetch", "hint", "advice", "when", "fill",
    "layout", "rate", "request_bytes", "coroutines", "lookups", "record_kib", "ms", "files", "mib",
    "stride", "iterations",
]  # fmt: skip
ROW = re.compile(r"(?P<family>[a-z0-9_]+)/(?P<axes>.*:1)/(?P<time>real|manual)_time")


@dataclasses.dataclass(frozen=True)
class Scans:
    """Of every source that coroutines can use: cold and warm, without and with yields."""

    executors: int = 1
    chunks: int | None = None  # sizes, of those only that bring in chunks
    ahead: int = 1  # numbers of chunks, of those only that bring some in ahead


STEADY = dict.fromkeys(["mmap", "mmap_awaited", "read_nowait", "uring"], 8)

# Binary -> its families -> how its time is taken, and how often each source is asked: a number, or
# one for each of some sources.
FAMILIES = {
    "lookup_bench": {
        "lookup": ("real", 10),
        "lookup_p99": ("manual", 10),
        "lookup_steady": ("real", STEADY),
        "lookup_steady_p99": ("manual", STEADY),
        "lookup_advice": ("real", {"mmap": 6}),
    },
    "questions_bench": {
        "prefetch": ("real", {"mmap": 22}),
        "advice": ("real", {"mmap": 16, "mmap_willneed": 2}),
        "readahead": ("real", {"mmap": 9, "read": 9}),
        "fill": ("real", {"mmap": 5, "read": 5}),
        "order": ("real", {"mmap": 6, "read": 6, "uring": 2, "mmap_awaited": 2}),
        "stride": ("real", {"mmap": 20, "read": 10}),
        "files": ("real", {"mmap": 12, "mmap_awaited": 4}),
        "resident": ("real", {"mmap": 12, "mmap_awaited": 12}),
    },
    "stall_bench": {
        "stall_max": ("manual", Scans(executors=2)),
        "stall_p99": ("manual", Scans(executors=2)),
        "blocked": ("manual", Scans(executors=2)),
        "probe_cost": ("real", {"mmap": 16, "read": 8}),
    },
    "tenant_bench": dict.fromkeys(["tenant_p50", "tenant_p99", "tenant_max"], ("manual", Scans())),
    "sweep_bench": {"scan": ("real", Scans(chunks=6, ahead=5))},
}


def listed(binary, scratch):
    return finished(
        *EMULATOR, BUILD / "bench" / binary, "--benchmark_list_tests", check=True, cwd=scratch
    ).stdout


def golden(binary):
    return (ROOT / f"test/bench/{binary}.rows").read_text()


def read(row):
    """(family, time, {axis: value})."""
    parts = ROW.fullmatch(row)
    axes = dict(part.split(":") for part in parts["axes"].split("/"))
    assert [*axes] == [axis for axis in AXES if axis in axes], row
    assert all(re.fullmatch("[a-z0-9_]+", value) for value in axes.values()), row
    return parts["family"], parts["time"], axes


def sources():
    """{source: the axes of its rows} of those that coroutines can use."""
    axes_of = {}
    for row in golden("remedies_bench").splitlines():
        axes = read(row)[2]
        if axes["exec"] == "async":
            axes_of.setdefault(axes["io"], set()).update(axes)
    return axes_of


def counts_of(how):
    """{source: how often it is asked}."""
    if isinstance(how, dict):
        return how
    if isinstance(how, int):
        return dict.fromkeys(sources(), how)
    return {
        source: how.executors * 2 * (2 if "yield_kib" in axes else 1)
        * (how.chunks or 1) * (how.ahead if "ahead" in axes else 1)
        for source, axes in sources().items()
        if how.chunks is None or "chunk_kib" in axes
    }  # fmt: skip


def test_rows_that_people_name_are_the_golden_ones(scratch):
    assert listed("remedies_bench", scratch) == golden("remedies_bench")
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("binary", FAMILIES)
def test_rows_follow_the_grammar_and_ask_every_source(scratch, binary):
    rows = listed(binary, scratch).splitlines()
    assert len(set(rows)) == len(rows)
    assert not list(scratch.iterdir())
    asked = {family: {} for family in FAMILIES[binary]}
    for row in rows:
        family, time, axes = read(row)
        assert time == FAMILIES[binary][family][0], row
        if "io" in axes:
            asked[family][axes["io"]] = asked[family].get(axes["io"], 0) + 1
        else:
            assert "load" in axes, row
    for family, (_, how) in FAMILIES[binary].items():
        assert asked[family] == counts_of(how), family
