"""tools/pagestall report: its file, as text and in a browser."""

import html
import json
import re
import shutil
import xml.etree.ElementTree as xml

import pytest

from conftest import finished

from made_pages import EVIL, article, dots, headings, hostile, lookups, plain, remedies, report
from made_pages import rows, said, scan
from made_runs import ROW, pagestall, repetitions, write_run

CHROMIUM = shutil.which("chromium")


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


def test_nothing_in_a_run_is_taken_for_html_svg_or_mathematics(scratch):
    page = hostile(scratch)
    assert not re.search("<script|<img", page.lower())
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", page)
    assert page.count("&lt;img src=x onerror=") > 20
    assert "&lt;script&gt;ran=1&lt;/script&gt;" in page
    assert "\\x1b[31m\\u202e{0.x}" in page
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
        ROW.format("async", "mmap", "cold"), [1e-14] * 6, stall_max_us=1e300, blocked_ms=1e300
    )
    report(scratch, strange, scan("async", "read", "cold", [1e-14] * 6, 0, 0))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run.json", "-o", "none/x.html"], "write 'none/x.html': No such file or directory"),
        (["run.json", "-o", "run.json"], "write 'run.json': it is a run to read"),
        (["run.json", "-o", "."], "write '.': Is a directory"),
        ([""], "read '': No such file or directory"),
        (["/"], "read '/': Is a directory"),
        (["run.json", "--png", "run.json"], "write 'run.json': File exists"),
        (["run.json", "--png", "taken"], "write 'taken/cold-0.png': Is a directory"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_line(scratch, monkeypatch, words, message):
    monkeypatch.chdir(scratch)
    write_run(scratch / "run.json", *article())
    (scratch / "taken/cold-0.png").mkdir(parents=True)
    before = sorted(scratch.iterdir())
    done = pagestall("report", *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {message}")
    assert len(done.stderr.splitlines()) == 1
    assert sorted(scratch.iterdir()) == before


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
    done = finished(
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
        f"--user-data-dir={scratch / 'profile'}", "--window-size=1600,1000",
        "--virtual-time-budget=20000", "--dump-dom", f"file://{wrapper}",
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


POLICY = re.compile(r"<meta http-equiv=.*?>", re.DOTALL)


def test_browser_finds_nothing_to_run_in_a_hostile_run(scratch):
    page, policies = POLICY.subn("", hostile(scratch))
    assert policies == 1
    (scratch / "page.html").write_text(page)
    found = measure(scratch, 400)
    assert (found["scripts"], found["ran"]) == (0, 0)
    assert found["width"] <= 400


@pytest.mark.parametrize(("policy", "ran"), [(True, 0), (False, 1)])
def test_policy_keeps_a_browser_from_running_what_was_not_escaped(scratch, policy, ran):
    page = report(scratch, *article()).replace("</body>", f"{EVIL}</body>")
    (scratch / "page.html").write_text(page if policy else POLICY.sub("", page))
    found = measure(scratch, 400)
    assert (found["scripts"], found["ran"]) == (1, ran)
