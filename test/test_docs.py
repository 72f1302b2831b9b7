"""The README files and FINDINGS.md: links lead somewhere, commands exist, nothing is said twice."""

import pathlib
import re

import pytest

from conftest import BUILD, ROOT, finished

PAGES = sorted(
    path.relative_to(ROOT)
    for path in [ROOT / "README.md", *ROOT.glob("*/*.md")]
    if path.parent.name not in ("build", "data", "results")
)
NAMES = [str(page) for page in PAGES]
MOST_LINES = 150  # of the first page

# What a shell has, in which the project's own commands stand.
PROGRAM = re.compile(r"(?:^|\s)((?:tools|test|\.ci|build/release)/[\w./-]+)")
# In prose, of a name that stands for several: lib/source/<name>.h.
PATH = re.compile(r"`((?:tools|test|\.ci|lib|fixtures|bench)/[\w./-]*)`")


def text_of(page):
    return (ROOT / page).read_text()


def commands(page):
    return [line.strip() for line in text_of(page).splitlines() if line.startswith("    ")]


def anchors(page):
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def sentences(page):
    """Of the prose: neither code, tables nor headings."""
    lines = [
        line
        for line in text_of(page).splitlines()
        if not line.startswith(("    ", "|", "#"))
    ]
    for block in "\n".join(lines).split("\n\n"):
        prose = " ".join(block.split())
        yield from (one for one in re.split(r"(?<=[.:;?]) ", prose) if len(one.split()) >= 8)


def test_first_page_is_short():
    assert text_of("README.md").count("\n") <= MOST_LINES


@pytest.mark.parametrize("page", NAMES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if target.startswith(("http:", "https:")):
            continue
        path, _, anchor = target.partition("#")
        linked = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert linked.is_file(), target
        assert not anchor or anchor in anchors(linked.relative_to(ROOT)), target


@pytest.mark.parametrize("page", NAMES)
def test_programs_and_files_exist(page):
    shown = [one for line in commands(page) for one in PROGRAM.findall(line)]
    shown += PATH.findall(text_of(page))
    for path in shown:
        built = path.startswith("build/release/")
        there = BUILD / path.removeprefix("build/release/") if built else ROOT / path
        assert there.exists(), path


@pytest.mark.parametrize("page", NAMES)
def test_flags_exist(page):
    for line in commands(page):
        program = PROGRAM.search(line)
        name = pathlib.PurePath(program[1]).name if program else ""
        if program and program[1].startswith("build/release/bench/"):
            known = help_of(BUILD / "bench" / name)
        elif name in ("slowfs", "filesystems"):
            at = BUILD / "fixtures/slowfs" if name == "slowfs" else ROOT / "tools" / name
            known = help_of(at) + help_of(BUILD / "bench/article_bench")
        elif name == "run":
            known = help_of(BUILD / "bench/article_bench")
        else:
            continue
        for flag in re.findall(r"\s--(\w+)", line.split("#")[0]):
            assert f"--{flag}" in known or flag == "help", line


def help_of(program):
    done = finished(program, "--help")
    return done.stdout + done.stderr


def test_no_sentence_stands_twice():
    seen = {}
    for page in PAGES:
        for sentence in sentences(page):
            assert sentence not in seen, f"{page} and {seen[sentence]}: {sentence}"
            seen[sentence] = page
