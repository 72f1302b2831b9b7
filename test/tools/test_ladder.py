"""tools/table on saved JSON of remedies_bench: the ladder and the advice."""

import pytest

from test_table import error, in_place, repetition, table

# Milliseconds of a cold and of a warm scan, the cold stall (p99) and the blocked time.
HAZARD = (1000, 40, 900, 700)


def scans(source, figures, noise=(0, 1, -1, 2, -2), **more):
    """Repetitions of a configuration that scatter by `noise`, in per cent of the figures."""
    executor, source = source.split("/")
    runs = []
    for deviation in noise:
        cold, warm, stall, blocked = (figure * (1 + deviation / 100) for figure in figures)
        runs.append(
            repetition(executor, source, "cold", cold)
            | {"stall_p99_us": stall * 1e3, "blocked_ms": blocked, "stall_max_us": 9e9}
            | more
        )
        runs.append(repetition(executor, source, "warm", warm) | {"stall_p99_us": 2500})
    return runs


def ladder(scratch, *configurations):
    done = table(scratch, [run for runs in configurations for run in runs], "remedies_bench")
    assert done.returncode == 0, done.stderr
    return done.stdout


def advice(scratch, *configurations):
    """The last paragraph, on one line."""
    return " ".join(ladder(scratch, *configurations).split("\n\n")[-2].split())


def test_every_configuration_is_a_line_of_medians(scratch):
    out = ladder(
        scratch,
        scans("async/mmap", HAZARD, cpu_ms=250.4, scan_threads=1, memory_mib=4.06),
        scans("async/uring", (500, 100, 3, 0.1), noise=(-50, 0, 90), cpu_ms=300, scan_threads=9),
    )
    lines = [line.split() for line in out.splitlines()]
    assert "async mmap 1.000 0.040 900.0 2.5 700.0 0.250 1 4.1".split() in lines
    assert "async uring 0.500 0.100 3.0 2.5 0.1 0.300 9 -".split() in lines
    assert "repetitions per row: 3 to 5" in " ".join(out.split())
    assert "min" not in out, "these are not the article's tables"
    assert max(map(len, out.splitlines())) <= 100


def test_unknown_figures_are_dashes(scratch):
    warm_only = [repetition("async", "uring", "warm", 100)]
    out = ladder(scratch, [repetition("threads", "mmap", "cold", 800)], warm_only)
    lines = [line.split() for line in out.splitlines()]
    assert "threads mmap 0.800 - - - - - - -".split() in lines
    assert "async uring - 0.100 - - - - - -".split() in lines


def test_hazard_comes_first_then_references_then_remedies_by_stall(scratch):
    yields = scans("async/mmap", (1000, 40, 70, 700))
    for run in yields:
        run["run_name"] = run["run_name"].replace("/files:", "/yield_kib:64/files:")
    out = ladder(
        scratch,
        [repetition("async", "unknown", "cold", 500)],
        scans("async/uring", (500, 100, 3, 0)),
        yields,
        scans("async/read", (500, 100, 12, 0)),
        scans("seq/read", (500, 100, 12, 0)),
        scans("async/mmap", HAZARD),
        [repetition("threads", "mmap", "cold", 500)],
    )
    executors = ("async ", "threads ", "seq ")
    lines = [line[:36].split() for line in out.splitlines() if line.startswith(executors)]
    assert [line[:2] for line in lines] == [
        ["async", "mmap"],
        ["threads", "mmap"],
        ["seq", "read"],
        ["async", "mmap,"],
        ["async", "read"],
        ["async", "uring"],
        ["async", "unknown"],
    ]


def test_advice_is_the_fastest_warm_of_the_fastest_cold(scratch):
    text = advice(
        scratch,
        scans("async/mmap", HAZARD),
        scans("async/mmap_awaited", (505, 50, 1.1, 0)),
        scans("async/uring", (500, 200, 3, 0.1)),
        scans("async/mmap_pool", (700, 20, 3, 0.1)),  # slower cold
        scans("async/mmap_willneed", (300, 20, 3, 300)),  # blocks
        scans("async/read_nowait", (300, 20, 300, 0)),  # stalls
        scans("async/uring_direct", (300, 20, 3, 0)),  # is never warm
        scans("threads/mmap", (300, 20, 3, 0)),  # is not async
    )
    assert text.startswith(
        "Advice for this machine: io:mmap_awaited. Cold io:mmap_awaited takes 0.505 s (0.51 of "
        "async mmap, 95 % 0."
    )
    assert "blocks 0 ms instead of 700 and its stall p99 is 1.10 ms instead of 900;" in text
    assert "warm it takes 0.05 s." in text
    assert text.endswith("warm it is clear of the next of those, io:uring (0.2 s).")


FEW = (0, 1, -1, 2)
NOT_QUIET = "No advice for this machine: there is no remedy whose stall p99 "
TOO_FEW = "No advice for this machine: it takes 5 repetitions of async mmap "
ADVICE = {
    "fastest cold": (
        [scans("async/mmap_awaited", (500, 50, 1, 0)), scans("async/uring", (600, 20, 1, 0))],
        "Advice for this machine: io:mmap_awaited. ",
        "Cold it is clear of the next remedy, io:uring (0.6 s).",
    ),
    "only quiet one": (
        [scans("async/uring", (2000, 50, 1, 0)), scans("async/read", (500, 50, 890, 690))],
        "Advice for this machine: io:uring. Cold io:uring takes 2 s (2.00 of ",
        "No other remedy is as quiet.",
    ),
    "two within the noise of each other": (
        [scans("async/mmap_awaited", (500, 50, 1, 0)), scans("async/mmap_pool", (501, 50.5, 1, 0)),
         scans("async/uring", (600, 50, 1, 0))],
        "Advice for this machine: io:mmap_awaited or io:mmap_pool. ",
        "Cold and warm, these are within the noise of each other.",
    ),
    "it stalls": ([scans("async/uring", (500, 50, 240, 0))], NOT_QUIET, ""),
    "it blocks": ([scans("async/uring", (500, 50, 3, 200))], NOT_QUIET, ""),
    "its stalls are noise": (
        [scans("async/uring", (500, 50, 180, 0), noise=(0, 90, 0, 80, 5))], NOT_QUIET, "",
    ),
    "cold times are noise": (
        [scans("async/uring", (500, 50, 1, 0)),
         scans("async/read", (600, 20, 1, 0), noise=(-20, -10, 300, 0, 400))],
        "No advice for this machine: warm, io:read is the fastest remedy, ",
        "times as long as io:uring.",
    ),
    "few repetitions of it": ([scans("async/uring", (500, 50, 1, 0), noise=FEW)], TOO_FEW, ""),
    "blocked time is unknown": (
        [[{key: run[key] for key in run if key != "blocked_ms"}
          for run in scans("async/uring", (500, 50, 1, 0))]],
        TOO_FEW, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ADVICE)
def test_advice_is_as_sure_as_the_noise_allows(scratch, name):
    remedies, begin, end = ADVICE[name]
    text = advice(scratch, scans("async/mmap", HAZARD), *remedies)
    assert text.startswith(begin) and text.endswith(end), text


@pytest.mark.parametrize(
    ("hazard", "begin"),
    [(scans("async/mmap", (1000, 40, 900, 0)), NOT_QUIET),
     (scans("async/mmap", HAZARD, noise=FEW), TOO_FEW)],
    ids=["does not show", "few repetitions"],
)  # fmt: skip
def test_no_advice_where_the_hazard_is_not_known_to_be_one(scratch, hazard, begin):
    assert advice(scratch, hazard, scans("async/uring", (500, 50, 3, 0))).startswith(begin)


def test_nothing_is_said_without_the_hazard_or_a_remedy(scratch):
    remedy = scans("async/uring", (500, 50, 1, 0))
    for configurations in ([remedy], [scans("async/mmap", HAZARD)]):
        assert "dvice" not in ladder(scratch, *configurations)


def test_what_is_not_available_is_not_a_line(scratch):
    message = "not available here: io_uring_setup: Function not implemented"
    runs = scans("async/mmap", HAZARD) + [error("async", "uring", "cold", message)]
    done = table(scratch, runs, "remedies_bench")
    assert done.returncode == 0
    assert "uring" not in done.stdout
    assert done.stderr.startswith(message + "\n  scan/exec:async/io:uring/cache:cold/")


def test_each_place_has_a_ladder_and_an_advice_of_its_own(scratch):
    configurations = [
        [
            in_place(run, f"dir:{name}/read_ahead_kib:{kib}")
            for run in scans("async/mmap", HAZARD) + scans("async/uring", (500, warm, 3, 0.1))
        ]
        for name, kib, warm in (("b", 64, 100), ("a", 1024, 200), ("a", 128, 300))
    ]
    out = ladder(scratch, *configurations)
    headings = [line for line in out.splitlines() if line.startswith("in ")]
    assert headings == [
        "in a, read-ahead 128 KiB:",
        "in a, read-ahead 1024 KiB:",
        "in b, read-ahead 64 KiB:",
    ]
    for part, warm in zip(out.split("\nin ")[1:], ("0.3", "0.2", "0.1")):
        assert f"warm it takes {warm} s" in " ".join(part.split())
        assert "Advice for this machine: io:uring." in " ".join(part.split())
