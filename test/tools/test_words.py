"""What the programs in tools/ say of themselves, and of words that they do not know."""

import os
import shutil

import pytest

from conftest import ROOT, finished

PROGRAMS = sorted(path.name for path in (ROOT / "tools").iterdir() if os.access(path, os.X_OK))

# What each could take for a word of its own.
UNKNOWN = {
    "filesystems": [["now"], ["--bogus"]],
    "gate_rates": [["--bogus"]],
    "lint": [["now"], ["--bogus"], ["fix", "now"]],
    "pagestall": [["now"], ["--bogus"]],
    "run": [["now"]],
    "setup": [[], ["now"], ["--bogus"], ["run", "now"]],
    "table": [["--bogus"]],
    "test": [["now"], ["--bogus"], ["-N", "-R", "now", "then"], ["--timeout=1", "now"]],
    "with_memory": [["now"], ["--bogus"], ["1.5", "true"]],
}


def run(program, *words):
    """From a checkout without anything to build: what is not refused fails at once."""
    return finished(program, *words)


@pytest.fixture
def tools(scratch):
    shutil.copytree(ROOT / "tools", scratch / "tools")
    return scratch / "tools"


def test_each_program_is_known_here():
    directories = {path.name for path in (ROOT / "tools").iterdir() if path.is_dir()}
    assert set(PROGRAMS) - directories == set(UNKNOWN)


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("word", ["--help", "-h"])
def test_each_program_says_what_it_is_for_and_begins_nothing(tools, name, word):
    if name != "setup":
        (tools / "setup").write_text("#!/bin/sh\necho it begins\n")
    done = run(tools / name, word)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")
    assert len(done.stdout.splitlines()) >= 5
    assert "it begins" not in done.stdout


@pytest.mark.parametrize(
    ("name", "words"), [(name, words) for name, all_words in UNKNOWN.items() for words in all_words]
)
def test_word_that_is_not_known_is_refused_before_anything_begins(tools, name, words):
    if name == "test" and not shutil.which("ctest"):
        pytest.skip("ctest is not installed")
    if name != "setup":
        (tools / "setup").write_text("#!/bin/sh\necho it begins\n")
    done = run(tools / name, *words)
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert done.stderr != ""
