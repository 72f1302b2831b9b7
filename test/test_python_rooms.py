"""The boundaries between the folders of tools/pagestall_tools: none imports another in a circle."""

import ast
import graphlib

import pytest

from conftest import ROOT

PACKAGE = "pagestall_tools"
TOOLS = ROOT / "tools"
BASE = "."  # the folder of what is in none


def modules(root):
    """{name: source} of the package below `root`, "pagestall_tools.words"."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts): path.read_text()
        for path in (root / PACKAGE).rglob("*.py")
        if path.name != "__init__.py"
    }


def imported(source):
    """What it names anywhere, also where it is imported late: modules, and what is in them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{one.name}" for one in node.names)
            yield node.module


def folder(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 2 else BASE


def circle(sources, place=lambda module: module):
    """Places that import each other in a circle, the first once more at its end; else None."""
    above = {}
    for module, source in sources.items():
        its = above.setdefault(place(module), set())
        its |= {place(one) for one in imported(source) if one in sources} - {place(module)}
    try:
        graphlib.TopologicalSorter(above).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


@pytest.mark.parametrize("place", [folder, lambda module: module], ids=["folders", "modules"])
def test_nothing_imports_in_a_circle(place):
    assert len(modules(TOOLS)) > 40
    assert circle(modules(TOOLS), place) is None


def test_circle_is_found_wherever_it_is_imported():
    sources = {
        f"{PACKAGE}.words": "import re",
        f"{PACKAGE}.a.one": f"from {PACKAGE} import words\nfrom {PACKAGE}.b.two import name",
        f"{PACKAGE}.b.two": "name = 1",
        f"{PACKAGE}.b.late": f"def run():\n    from {PACKAGE}.a import one",
    }
    assert circle(sources) is None
    assert sorted({*circle(sources, folder)}) == ["a", "b"]
    sources[f"{PACKAGE}.words"] = f"import {PACKAGE}.b.late"
    assert circle(sources, folder) is not None
