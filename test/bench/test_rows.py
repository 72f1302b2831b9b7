"""The rows of each binary are the golden ones, and listing them makes nothing."""

import subprocess

import pytest

from conftest import BUILD, EMULATOR, ROOT


@pytest.mark.parametrize(
    "name", ["lookup_bench", "questions_bench", "remedies_bench", "stall_bench", "sweep_bench", "tenant_bench"]
)
def test_rows_are_the_golden_ones(scratch, name):
    listed = subprocess.run(
        [*EMULATOR, BUILD / "bench" / name, "--benchmark_list_tests"],
        capture_output=True, text=True, check=True, cwd=scratch,
    ).stdout  # fmt: skip
    assert listed == (ROOT / f"test/bench/{name}.rows").read_text()
    assert not list(scratch.iterdir())
