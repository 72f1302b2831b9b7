"""tools/pagestall report: the page of made-up runs, as text and in a browser."""

import html
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as xml

import pytest

from made_runs import ROW, failure, pagestall, repetitions, write_run

CHROMIUM = shutil.which("chromium")

LOOKUP = (
    "lookup/exec:async/io:{}/dist:uniform/resident_pct:{}/coroutines:64/lookups:20000"
    "/record_kib:4/files:8/mib:256/iterations:1/real_time"
)

# Around a middle, as noise would have it.
NOISE = [1, 1.01, 0.99, 1.02, 0.98, 1]

EVIL = "<script>alert(1)<|script>\"'&$\\frac{1}{0}$\x1b[31m\u202e{0.x}"


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


def report(scratch, *benchmarks, name="run.json", also=(), words=(), **context):
    """The page's text."""
    run = write_run(scratch / name, *benchmarks, **context)
    page = scratch / "page.html"
    done = pagestall("report", run, *also, "-o", page, *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{page}\n", "")
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


def test_first_sentence_says_that_it_blocks_and_how_sure_that_is(scratch):
    answer = said(report(scratch, *article()))
    assert answer.startswith("Yes. Cold mmap in 8 coroutines on one thread put the thread to sleep")
    assert "for 900 of a scan's 1000 ms, 90 % of the time (95 % interval 8" in answer
    assert "Nothing else ran there for up to 950 ms at a time." in answer
    assert "6 repetitions of this row" in answer


def test_answer_of_the_article_says_what_it_can_and_what_to_run(scratch):
    answer = said(report(scratch, *article()))
    assert "Use read. Cold read takes 0.9 s" in answer
    assert answer.count("tools/run remedies") == 1
    alone = said(report(scratch, scan("async", "mmap", "cold", around(1), 950, 900)))
    assert "It measures what to use instead: tools/run remedies" in alone


def test_answer_of_the_remedies_names_one(scratch):
    answer = said(report(scratch, *remedies()))
    assert answer.startswith("Yes.")
    assert "Use mmap_awaited. Cold mmap_awaited takes 0.8 s" in answer
    assert "tools/run" not in answer


def test_too_few_repetitions_are_no_answer(scratch):
    answer = said(report(scratch, *article(count=4)))
    assert answer.startswith("Too little data.")
    assert "of 4 repetitions: it takes 5" in answer


def test_hazard_that_is_absent_is_said_to_be(scratch):
    answer = said(report(scratch, *article(blocked_ms=0.01)))
    assert answer.startswith("No, not measurably.")
    assert "warm, stall p99 is 36.0 ms" in answer


def test_what_is_within_the_noise_is_not_clear(scratch):
    answer = said(report(scratch, *article(blocked_ms=[0, 0, 0, 900, 900, 900])))
    assert answer.startswith("Not clear.")


def test_run_without_the_row_that_tells_says_so(scratch):
    warm = scan("async", "mmap", "warm", around(0.1), 40, 0)
    assert said(report(scratch, warm)).startswith(
        "Not known. This run has no cold scan by mmap in coroutines, only warm ones."
    )
    in_memory = said(report(scratch, warm, filesystem="tmpfs"))
    assert in_memory.startswith("No, not in memory. The files are in memory (tmpfs)")
    other = said(report(scratch, *lookups()))
    assert other.startswith("Not known. This run has no scan by mmap in coroutines from a cold")
    assert said(report(scratch)).startswith("Not known.")
    unwatched = said(report(scratch, scan("async", "mmap", "cold", around(1))))
    assert unwatched.startswith("Not known. The executor was not watched")


def test_answer_of_each_directory_is_its_own(scratch):
    made = []
    for directory, blocked in (("quick", 0), ("slow", 900)):
        made += repetitions(
            ROW.format("async", "mmap", "cold").replace("/files", f"/dir:{directory}/files"),
            around(1), blocked_ms=blocked,
        )  # fmt: skip
    page = report(scratch, made)
    blocks = [plain(one) for one in re.findall(r'<div class="answer.*?</div>', page, re.DOTALL)]
    assert [one[:18] for one in blocks] == ["in quick No, not m", "in slow Yes. Cold "]


def test_every_repetition_is_a_dot(scratch):
    page = report(scratch, *article(), *lookups())
    assert dots(page, "cold-0") == 4 * 6
    assert dots(page, "warm-0") == 4 * 6
    assert dots(page, "stalls-0") == 2 * 2 * 6
    assert dots(page, "lookups-0") == 3 * 3
    assert dots(page, "drift-0") == 8 * 6 + 3 * 3
    ladder = report(scratch, *remedies())
    assert dots(ladder, "ladder-0") == 3
    assert dots(ladder, "remedies-0") == 3 * 6


def test_times_stand_beside_the_articles_as_multiples_of_one_threads_read(scratch):
    page = report(scratch, *article())
    lines = {(line[0], line[1]): line[2:] for line in rows(page, "Time:")}
    assert lines["8 coroutines", "mmap"] == ["0.980", "1.00", "2.00", "2.53", "2.70", "3.81"]
    assert lines["one thread", "read"] == ["0.490", "0.500", "1.00", "0.670", "0.707", "1.00"]
    warm = {(line[0], line[1]): line[2:] for line in rows(page, "Time:", 1)}
    assert warm["one thread", "mmap"][3:] == ["0.120", "0.123", "0.794"]
    assert "Huon Wilson" in page


def test_stalls_and_blocked_time_are_a_table(scratch):
    assert rows(report(scratch, *article()), "Stalls:")[0] == [
        "8 coroutines", "mmap", "950", "855", "900", "40.0", "36.0", "0",
    ]  # fmt: skip


def test_remedies_are_a_ladder(scratch):
    lines = rows(report(scratch, *remedies()), "Remedies:")
    assert [line[1] for line in lines] == ["mmap", "mmap_awaited", "uring"]
    low, high = map(float, lines[1][4].split(" to "))
    assert 0.75 < low <= 0.8 <= high < 0.85
    assert lines[1][2:4] == ["0.800", "0.100"]
    assert lines[1][5:8] == ["0.450", "0.360", "0"]


def test_lookups_are_told_by_share_in_memory(scratch):
    assert rows(report(scratch, *lookups()), "Lookups:") == [
        ["mmap", "5.50", "5.50", "123", "123", "862", "0"],
        ["uring", "5.50", "–", "123", "–", "0", "–"],
    ]


def test_questions_show_the_axes_that_differ(scratch):
    name = "advice/exec:async/io:mmap/cache:cold/advice:{}/files:8/mib:256/stride:512/iterations:1"
    made = [
        repetitions(name.format(advice), [seconds] * 3, blocked_ms=7)
        for advice, seconds in (("random", 3), ("normal", 1))
    ]
    page = report(scratch, *made)
    assert rows(page, "Questions:") == [
        ["normal", "1.00", "1.00", "7.00"], ["random", "3.00", "3.00", "7.00"],
    ]  # fmt: skip
    assert "Does advice on the mapping (madvise) help?" in page


def test_sweep_is_a_question_and_not_mixed_into_one_row(scratch):
    made = [
        repetitions(
            ROW.format("async", "mmap_awaited", "cold").replace("/files", f"/chunk_kib:{kib}/files"),
            [seconds] * 5,
        )
        for kib, seconds in ((1024, 2), (128, 1))
    ]  # fmt: skip
    page = report(scratch, *made)
    assert [line[:2] for line in rows(page, "Questions:")] == [["128", "1.00"], ["1024", "2.00"]]
    assert not any(one.startswith("Remedies") for one in headings(page))


def test_stalls_as_times_are_a_table_in_milliseconds(scratch):
    shape = "/files:8/mib:256/stride:512/iterations:1/manual_time"
    made = [
        repetitions(f"{family}/exec:async/{load}", [seconds] * 3)
        for family, load, seconds in [
            ("stall_max", "load:idle/ms:1000/iterations:1/manual_time", 0.001),
            ("stall_max", f"io:mmap/cache:cold{shape}", 1.048),
            ("blocked", f"io:mmap/cache:cold{shape}", 0.859),
        ]
    ]
    assert rows(report(scratch, *made), "Stalls and latencies") == [
        ["idle", "–", "–", "1.00", "–"], ["–", "mmap", "cold", "1048", "859"],
    ]  # fmt: skip


def test_repetitions_are_in_order_of_time_where_it_is_known(scratch):
    row = ROW.format("seq", "mmap", "cold")
    timed = report(scratch, repetitions(row, [1, 2], window_begin_s=[9, 3], steal_pct=[0, 5]))
    assert "seconds since the run began" in timed
    assert "steal, %" in timed
    assert ">repetition<" in report(scratch, repetitions(row, [1, 2]))


def test_machine_is_a_table(scratch):
    page = report(scratch, *article(), kernel="Linux 9 <b>")
    assert ["kernel", "Linux 9 <b>"] in rows(page, "The machine")
    assert ["load avg", "0.1, 0.2, 0.3"] in rows(page, "The machine")


def test_failures_are_named_and_never_averaged(scratch):
    row = ROW.format("async", "mmap", "cold")
    failed = [failure(row, "not cold: 3 of 9 pages", index) for index in range(2)]
    absent = failure(ROW.format("async", "uring", "cold"), "not available here: no io_uring")
    page = report(scratch, *article(), failed, [absent])
    assert rows(page, "What was not measured") == [[row, "not cold: 3 of 9 pages", "2"]]
    assert rows(page, "What was not measured", 1)[0][1] == "no io_uring"
    assert "2 repetitions failed" in page
    assert rows(page, "Time:")[2][:3] == ["8 coroutines", "mmap", "0.980"]


def test_sections_without_data_are_left_out(scratch):
    assert headings(report(scratch, *lookups())) == [
        "Lookups: random records by how much of the files is in memory",
        "Did the machine change meanwhile?",
        "The machine",
    ]


def test_files_of_one_machine_are_one_page(scratch):
    made = [
        write_run(scratch / f"{name}.json", *benchmarks)
        for name, benchmarks in [
            ("article", article()), ("remedies", remedies()), ("lookup", lookups()),
        ]
    ]  # fmt: skip
    done = pagestall("report", *made)
    assert (done.returncode, done.stdout) == (0, f"{scratch / 'article.html'}\n")
    page = (scratch / "article.html").read_text()
    assert [one.split(":")[0] for one in headings(page)][:4] == [
        "Time", "Stalls", "Remedies", "Lookups",
    ]  # fmt: skip
    assert "Use mmap_awaited" in said(page)
    assert (dots(page, "cold-0"), dots(page, "cold-1")) == (24, 0)


def test_files_of_one_binary_are_a_column_each(scratch):
    runs = [
        write_run(scratch / name / "run.json", *article(blocked_ms=blocked))
        for name, blocked in (("before", 900), ("after", 500))
    ]
    page = scratch / "page.html"
    assert pagestall("report", *runs, "-o", page).returncode == 0
    text = page.read_text()
    line = next(line for line in rows(text, "Stalls:") if line[:2] == ["8 coroutines", "mmap"])
    assert (line[4], line[10]) == ("900", "500")
    assert str(runs[0]) in plain(text)
    assert (dots(text, "cold-0"), dots(text, "cold-1")) == (24, 24)


def test_pictures_are_written_as_png(scratch):
    report(scratch, *article(), *lookups(), words=["--png", scratch / "new/pictures"])
    names = sorted(path.name for path in (scratch / "new/pictures").iterdir())
    assert names == ["cold-0.png", "drift-0.png", "lookups-0.png", "stalls-0.png", "warm-0.png"]
    for name in names:
        assert (scratch / "new/pictures" / name).read_bytes().startswith(b"\x89PNG")


def test_same_run_makes_the_same_page(scratch):
    first = report(scratch, *article(), *remedies()[2:], *lookups())
    assert report(scratch, *article(), *remedies()[2:], *lookups()) == first


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
        scratch, *article(), *evil, name=f"{EVIL.replace(chr(27), '')}.json",
        also=[write_run(scratch / "other.json", *article(), *evil)],
        host_name=EVIL, cpu_model=[EVIL, {EVIL: 1}], **{EVIL: EVIL},
    )  # fmt: skip


def test_nothing_in_a_run_is_taken_for_html_svg_or_mathematics(scratch):
    page = hostile(scratch)
    assert "<script" not in page.lower()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", page)
    assert page.count("&lt;script&gt;alert(1)") > 20
    assert "\\frac{1}{0}$\\x1b[31m\\u202e{0.x}" in page
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        xml.fromstring(svg)
    assert "$\\frac{1}{0}$" in "".join(re.findall(r"<text.*?</text>", page, re.DOTALL))


def test_page_loads_nothing_and_has_no_id_twice(scratch):
    page = report(scratch, *article(), *remedies()[2:], *lookups())
    assert not re.findall(r"""(?:src|href)=["'](?!#)|@import|<script|<link""", page)
    addresses = set(re.findall(r"https?://[^\"' ]*", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(ids)


def test_figures_beyond_all_measure_make_a_page(scratch):
    strange = repetitions(
        ROW.format("async", "mmap", "cold"), [0] * 6, stall_max_us=1e300, blocked_ms=1e300
    )
    report(scratch, strange, scan("async", "read", "cold", [0] * 6, 0, 0))
    run = json.loads((scratch / "run.json").read_text())
    run["benchmarks"][0]["blocked_ms"] = 1
    endless = json.dumps(run).replace('"blocked_ms": 1,', '"blocked_ms": 1e999,')
    (scratch / "run.json").write_text(endless)
    done = pagestall("report", scratch / "run.json")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.json"], "read 'none.json': No such file or directory"),
        (["bad.json"], "read 'bad.json': not the JSON of a finished benchmark run"),
        (["run.json", "-o", "none/x.html"], "write 'none/x.html': No such file or directory"),
        (["run.json", "-o", "run.json"], "write 'run.json': it is a run to read"),
        (["run.json", "-o", "."], "write '.': not a regular file"),
        (["run.json", "--png", "run.json"], "write 'run.json': File exists"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_line(scratch, monkeypatch, words, message):
    monkeypatch.chdir(scratch)
    write_run(scratch / "run.json", *article())
    (scratch / "bad.json").write_text("{")
    before = sorted(scratch.iterdir())
    done = pagestall("report", *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {message}")
    assert len(done.stderr.splitlines()) == 1
    assert sorted(scratch.iterdir()) == before


def test_page_that_was_there_is_replaced_whole(scratch):
    page = scratch / "page.html"
    page.write_text("before")
    with page.open() as reader:
        report(scratch, *article())
        assert reader.read() == "before"
    assert page.read_text().endswith("</html>\n")
    other = scratch / "other"
    other.touch()
    assert page.stat().st_mode == other.stat().st_mode


MEASURE = """<!DOCTYPE html><title>wait</title>
<iframe id="frame" src="page.html" style="width:{0}px;height:900px;border:0"></iframe>
<pre id="found"></pre><script>
onload = () => {{
  const page = document.getElementById("frame").contentDocument;
  const figures = [...page.querySelectorAll("svg")].map((svg) => svg.getBoundingClientRect());
  const sizes = [...page.querySelectorAll("svg text")].map(
      (text) => text.getBoundingClientRect().height);
  document.getElementById("found").textContent = JSON.stringify({{
    width: page.documentElement.scrollWidth,
    dots: page.querySelectorAll('g[id^="dots-cold-"] use').length,
    seen: [...page.querySelectorAll('g[id^="dots-cold-"] use')].filter(
        (dot) => dot.getBoundingClientRect().width > 1).length,
    flat: figures.filter((box) => box.width < 100 || box.height < 50).length,
    smallest: Math.min(...sizes),
    cut: [...page.querySelectorAll("svg text")].filter((text) => {{
      const box = text.getBoundingClientRect(), all = text.ownerSVGElement.getBoundingClientRect();
      return box.left < all.left - 1 || box.right > all.right + 1;
    }}).map((text) => text.textContent),
    ran: document.getElementById("frame").contentWindow.ran === undefined ? 0 : 1,
    scripts: page.scripts.length,
  }});
}};
</script>"""


def measure(scratch, width):
    """What a browser makes of page.html in a frame so many pixels wide."""
    if not CHROMIUM:
        pytest.skip("no chromium on this machine")
    wrapper = scratch / "wrapper.html"
    wrapper.write_text(MEASURE.format(width))
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
         f"--user-data-dir={scratch / 'profile'}", "--window-size=1600,1000",
         "--virtual-time-budget=20000", "--dump-dom", f"file://{wrapper}"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', done.stdout)[1]))


@pytest.mark.parametrize("width", [400, 1400])
def test_browser_shows_it_without_overflow(scratch, width):
    report(scratch, *article(), *remedies()[2:], *lookups())
    found = measure(scratch, width)
    assert found["width"] <= width
    assert found["dots"] == found["seen"] == 6 * 6
    assert found["flat"] == 0
    assert found["cut"] == []
    assert found["smallest"] > 9


def test_browser_runs_nothing_of_a_hostile_run(scratch):
    hostile(scratch)
    found = measure(scratch, 400)
    assert (found["scripts"], found["ran"]) == (0, 0)
    assert found["width"] <= 400
