"""The boundaries between the folders: includes point down only; and of the calls that are asked first."""

import os
import pathlib
import re

import pytest

from conftest import ROOT

# Folder -> the folders whose headers its files may include.
MAY_INCLUDE = {
    "lib/kernel": ["lib/kernel"],
    "lib/file": ["lib/file"],
    "lib/probe": ["lib/probe", "lib/file"],
    "lib/uring": ["lib/uring", "lib/file"],
    "lib/source": ["lib/source", "lib/uring", "lib/kernel", "lib/file"],
    "lib/executor": ["lib/executor", "lib/source", "lib/kernel", "lib/file"],
    "fixtures/machine": ["fixtures/machine", "lib"],
    "fixtures/cache": ["fixtures/cache", "fixtures/machine", "lib"],
    "fixtures/dataset": ["fixtures/dataset", "fixtures/machine", "lib"],
    "fixtures/read_ahead": ["fixtures/read_ahead", "fixtures/machine", "lib"],
    "fixtures/slowfs": ["fixtures/slowfs", "fixtures/dataset", "lib"],
    "fixtures/window": ["fixtures", "lib"],
    "bench/run": ["bench/run", "fixtures", "lib"],
    "bench/rows": ["bench/rows", "bench/run", "fixtures", "lib"],
    "bench": ["bench", "fixtures", "lib"],
}

# System header -> where it may appear. Asio belongs where something is awaited.
ONLY_IN = {
    r"benchmark/.*": ["bench/", "fixtures/window/repetition."],
    r"g(test|mock)/.*": [],
    r"sys/mman\.h": ["lib/file/", "lib/probe/machine_costs.cc"],
    r"liburing.*": ["lib/uring/io_ring.cc", "lib/uring/io_ring_"],
    r"fuse3/.*": ["fixtures/slowfs/slow_file_system.cc"],
    r"asio.*": ["lib/uring/ring.", "lib/uring/awaited_mapping.", "lib/source/", "lib/executor/", "lib/probe/", "fixtures/window/baseline.", "fixtures/window/tenant.", "bench/run/machine_context.cc"],
}

# What other event loops and languages can have without Asio: includes no header that brings it.
WITHOUT_ASIO = ("lib/uring/io_", "lib/uring/held_ranges.")
BRINGS_ASIO = {"ring.h", "awaited_mapping.h", "lib/uring/ring.h", "lib/uring/awaited_mapping.h"}

# Installed under another path: so their headers name each other by where they are themselves.
INSTALLED = ("lib/file", "lib/probe", "lib/uring")

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)


def sources_of(table):
    """The headers of the single sources: what their table includes beside its own header."""
    return {name for kind, name in INCLUDE.findall(table) if kind == '"'} - {"lib/source/sources.h"}


def violations(path, text, sources):
    """What is wrong with one file's includes, as lines."""
    folder = str(pathlib.PurePath(path).parent)
    found = []
    for kind, name in INCLUDE.findall(text):
        if kind == "<":
            for header, places in ONLY_IN.items():
                if re.fullmatch(header, name) and not path.startswith(tuple(places)):
                    found.append(f"{path} includes <{name}>")
            continue
        if name.startswith("absl/"):
            continue
        if path.startswith(WITHOUT_ASIO) and name in BRINGS_ASIO:
            found.append(f'{path} includes "{name}", and with it Asio')
        if folder in INSTALLED and (name.startswith("../") or "/" not in name):
            name = os.path.normpath(f"{folder}/{name}")
        below = tuple(f"{place}/" for place in MAY_INCLUDE[folder])
        if not name.startswith(below):
            found.append(f'{path} includes "{name}"')
        if name in sources and path != "lib/source/sources.cc":
            found.append(f'{path} includes "{name}": only the table knows a single source')
    return found


def test_includes_point_down_only():
    sources = sources_of((ROOT / "lib/source/sources.cc").read_text())
    assert "lib/source/mmap.h" in sources
    files = [
        path.relative_to(ROOT)
        for folder in ("lib", "fixtures", "bench")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".h", ".cc")
    ]
    assert len(files) > 30
    found = [line for path in files for line in violations(str(path), (ROOT / path).read_text(), sources)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "include"),
    [
        ("lib/kernel/a.h", '"lib/file/file.h"'),
        ("lib/file/a.h", '"lib/source/source.h"'),
        ("lib/source/a.h", '"lib/executor/scan.h"'),
        ("lib/source/a.h", '"lib/source/mmap.h"'),
        ("lib/executor/a.cc", '"lib/source/mmap.h"'),
        ("lib/executor/a.cc", '"fixtures/dataset/dataset.h"'),
        ("fixtures/window/a.cc", '"bench/run/suite.h"'),
        ("fixtures/window/a.cc", "<benchmark/benchmark.h>"),
        ("lib/source/a.h", "<sys/mman.h>"),
        ("lib/file/a.h", "<asio/awaitable.hpp>"),
        ("lib/probe/a.h", '"lib/executor/scan.h"'),
        ("lib/source/a.h", '"named.h"'),
        ("lib/file/a.h", '"../uring/ring.h"'),
        ("lib/uring/a.h", '"../source/source.h"'),
        ("lib/source/a.h", "<liburing.h>"),
        ("lib/uring/a.h", '"lib/source/source.h"'),
        ("lib/uring/ring.cc", "<liburing.h>"),
        ("lib/uring/io_ring.cc", "<asio/post.hpp>"),
        ("lib/uring/io_ring.h", '"ring.h"'),
        ("lib/uring/io_mapping.cc", '"lib/uring/awaited_mapping.h"'),
        ("fixtures/window/a.cc", "<fuse3/fuse_lowlevel.h>"),
        ("fixtures/dataset/a.h", '"fixtures/window/window.h"'),
        ("fixtures/machine/a.cc", '"fixtures/read_ahead/read_ahead_file.h"'),
        ("bench/run/a.cc", '"bench/rows/scan_rows.h"'),
        ("bench/a.cc", "<gtest/gtest.h>"),
    ],
)
def test_what_points_up_or_sideways_is_found(path, include):
    assert len(violations(path, f"#include {include}\n", {"lib/source/mmap.h"})) == 1


# A sandbox that does not know them may kill who calls them.
ASKED_FIRST = re.compile(r"\b(statx|preadv2|mincore|faccessat)\s*\(")


def unasked(text):
    """The calls of them that do not ask first, as names."""
    code = re.sub(r"//.*", "", text)

    def asks(name, before):
        # faccessat(3) is the newer call from Linux 5.8 on.
        return re.search(
            rf"AskedFirst(IfPossible)?<SYS_{name}2?>\(\s*\[&\] {{\s*return $", before
        )

    return [
        call[1]
        for call in ASKED_FIRST.finditer(code)
        if not asks(call[1], code[: call.start()])
    ]


def test_what_a_sandbox_may_kill_for_is_asked_first():
    calls = 0
    for folder in ("lib", "fixtures", "bench"):
        for path in (ROOT / folder).rglob("*.cc"):
            text = path.read_text()
            assert not unasked(text), path
            calls += len(ASKED_FIRST.findall(text))
    assert calls > 2
    assert unasked("  if (mincore(a, b, c) != 0) {}\n") == ["mincore"]
    assert unasked("AskedFirst<SYS_statx>([&] { return preadv2(fd); })") == ["preadv2"]
    assert unasked("AskedFirstIfPossible<SYS_mincore>([&] { return mincore(a); })") == []
