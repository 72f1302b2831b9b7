"""A directory with what reads a run."""

import shutil

import pytest

from readers import SAVED


class Place:
    """A directory with what a command takes beside the file that it is given."""

    def __init__(self, directory):
        self.directory = directory
        self.good = shutil.copy(SAVED, directory / "good.json")
        self.output = directory / "output"
        self.output.write_text("old")
        self.db = directory / "history.sqlite"

    def kept(self, bad):
        """As tools/gate_rates keeps its runs, the first one being the bad file."""
        keep = self.directory / "keep"
        keep.mkdir()
        (keep / "warm-001.json").symlink_to(bad)
        return ["--data_dir=data", f"--keep={keep}", "--binary=/bin/false"]

    def files(self):
        """{path: content} of what is there."""
        return {
            path: path.read_bytes() if path.is_file() and not path.is_symlink() else None
            for path in self.directory.rglob("*")
            if path.name != "bad.json"
        }


@pytest.fixture
def place(scratch):
    return Place(scratch)
