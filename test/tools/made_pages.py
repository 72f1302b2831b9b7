"""Made-up runs for the report's tests, and what a reader finds in its page."""

import html
import re
import xml.etree.ElementTree as xml

from made_runs import ROW, failure, pagestall, repetitions, write_run

LOOKUP = (
    "lookup/exec:async/io:{}/dist:uniform/resident_pct:{}/coroutines:64/lookups:20000"
    "/record_kib:4/files:8/mib:256/iterations:1/real_time"
)

# Sets `ran` in a browser, wherever it is not escaped.
EVIL = (
    '$\\frac{1}{0}$<img src=x onerror="ran=1"><script>ran=1</script>'
    "\"'&\x1b[31m\u202e{0.x}"
)

# Around a middle, as noise would have it.
NOISE = [1, 1.01, 0.99, 1.02, 0.98, 1]


def around(middle):
    return [middle * one for one in NOISE]


def scan(executor, source, cache, seconds, stall_ms=None, blocked_ms=None):
    counters = {}
    if stall_ms is not None:
        counters |= {"stall_max_us": stall_ms * 1e3, "stall_p99_us": stall_ms * 900}
        counters |= {"blocked_ms": blocked_ms}
    return repetitions(ROW.format(executor, source, cache), seconds, **counters)


def article(blocked_ms=900, count=6):
    return [
        scan("seq", "mmap", "cold", around(2)[:count]),
        scan("seq", "mmap", "warm", around(0.12)[:count]),
        scan("seq", "read", "cold", around(0.5)[:count]),
        scan("seq", "read", "warm", around(0.15)[:count]),
        scan("async", "mmap", "cold", around(1)[:count], 950, blocked_ms),
        scan("async", "mmap", "warm", around(0.1)[:count], 40, 0),
        scan("async", "read", "cold", around(0.9)[:count], 2, 1),
        scan("async", "read", "warm", around(0.3)[:count], 1, 0),
    ]


def remedies():
    return [
        scan("async", "mmap", "cold", around(1), 950, 900),
        scan("async", "mmap", "warm", around(0.1), 40, 0),
        scan("async", "mmap_awaited", "cold", around(0.8), 0.5, 0),
        scan("async", "mmap_awaited", "warm", around(0.1), 0.4, 0),
        scan("async", "uring", "cold", around(0.9), 0.4, 0),
        scan("async", "uring", "warm", around(0.4), 0.3, 0),
    ]


def lookups():
    return [
        repetitions(
            LOOKUP.format(source, percent), [0.1, 0.11, 0.12], blocked_ms=blocked,
            lookup_us=[5, 5.5, 6], lookup_p99_us=123,
        )
        for source, percent, blocked in [("mmap", 0, 862), ("mmap", 100, 0), ("uring", 0, 0)]
    ]  # fmt: skip


def report(scratch, *benchmarks, name="run.json", also=(), words=(), said="", **context):
    """The page's text. `said`: what stands on stderr."""
    run = write_run(scratch / name, *benchmarks, **context)
    page = scratch / "page.html"
    done = pagestall("report", run, *also, "-o", page, *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{page}\n", said)
    return page.read_text()


def said(page):
    """The answer as a reader sees it."""
    (block,) = re.findall(r'<div class="answer.*?</div>', page, re.DOTALL)
    return plain(block)


def plain(part):
    text = re.sub(r"<[^>]*>", "", part.replace("</p>", " "))
    return re.sub(r"\s+", " ", html.unescape(text)).strip()


def rows(page, title, number=0):
    """The lines of a section's table, as lists of cells."""
    section = next(
        part for part in re.findall(r"<section>.*?</section>", page, re.DOTALL)
        if plain(re.search("<h2>(.*?)</h2>", part)[1]).startswith(title)
    )  # fmt: skip
    body = re.findall("<tbody>(.*?)</tbody>", section, re.DOTALL)[number]
    return [
        [plain(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line)]
        for line in re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL)
    ]


def headings(page):
    return [plain(one) for one in re.findall("<h2>(.*?)</h2>", page)]


def dots(page, begin):
    """How many dots there are in the pictures of which the names begin so."""
    count = 0
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        for group in xml.fromstring(svg).iter("{http://www.w3.org/2000/svg}g"):
            if group.get("id", "").startswith(f"dots-{begin}-"):
                count += len(list(group.iter("{http://www.w3.org/2000/svg}use")))
    return count


def hostile(scratch):
    """A page of names and messages that want to be more than text."""
    text = EVIL.replace("/", "|")
    evil = [scan("async", text, cache, around(1), 900, 900) for cache in ("cold", "warm")]
    evil += [scan(text, "mmap", "cold", around(1), 900, 900)]
    evil += [repetitions(LOOKUP.format(text, 50), [1, 2], lookup_us=[1, 2])]
    evil += [repetitions(f"{text}/exec:{text}/io:{n}", [1, 2], blocked_ms=1) for n in "ab"]
    evil += [repetitions(f"stall_max/exec:async/load:{text}", [1, 2])]
    evil += [[failure(text, text)], [failure(f"x{text}", "not available here: " + text)]]
    return report(
        scratch, *article(), *evil, name=f"{text.replace(chr(27), '')}.json",
        also=[write_run(scratch / "other.json", *article(), *evil)],
        host_name=EVIL, cpu_model=[EVIL, {EVIL: 1}], **{EVIL: EVIL},
    )  # fmt: skip
