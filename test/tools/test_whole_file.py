"""Files that are there as a whole or not at all."""

import contextlib
import os
import resource
import stat
import sys
import threading

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))

from pagestall_tools.bad_input import BadInput  # noqa: E402
from pagestall_tools.whole_file import write_whole  # noqa: E402


@contextlib.contextmanager
def no_file_larger_than(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def umask(mask):
    before = os.umask(mask)
    yield
    os.umask(before)


@pytest.mark.parametrize(("data", "written"), [("µs", "µs".encode()), (b"\x89PNG\0", b"\x89PNG\0")])
def test_holds_the_text_as_utf_8_or_the_bytes(scratch, data, written):
    write_whole(scratch / "a", data)
    assert (scratch / "a").read_bytes() == written
    assert os.listdir(scratch) == ["a"]


def test_may_be_read_by_whom_the_umask_says(scratch):
    for mask, mode in ((0o022, 0o644), (0o077, 0o600)):
        with umask(mask):
            write_whole(scratch / "a", "new")
        assert stat.S_IMODE((scratch / "a").stat().st_mode) == mode


def test_what_was_there_stays_if_not_all_can_be_written(scratch):
    (scratch / "old").write_text("old")
    for name in ("old", "new"):
        with no_file_larger_than(4096), pytest.raises(BadInput) as caught:
            write_whole(scratch / name, b"x" * 8192)
        assert str(caught.value) == f"write '{scratch / name}': File too large"
    assert os.listdir(scratch) == ["old"]
    assert (scratch / "old").read_text() == "old"


def test_interrupted_leaves_nothing(scratch, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(scratch / "a", "new")
    assert os.listdir(scratch) == []


def test_link_stays_and_its_file_is_replaced(scratch):
    (scratch / "there").mkdir()
    (scratch / "link").symlink_to("there/file")
    for text in ("made", "replaced"):
        write_whole(scratch / "link", text)
        assert (scratch / "link").is_symlink()
        assert (scratch / "there/file").read_text() == text
    assert os.listdir(scratch / "there") == ["file"]


def test_pipe_is_written_to_as_it_is(scratch):
    os.mkfifo(scratch / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((scratch / "pipe").read_text()))
    reader.start()
    write_whole(scratch / "pipe", "text")
    reader.join()
    assert got == ["text"]
    assert stat.S_ISFIFO((scratch / "pipe").stat().st_mode)
    ours, theirs = os.pipe()
    write_whole(f"/dev/fd/{theirs}", "text")
    assert os.read(ours, 10) == b"text"
    os.close(ours)
    with pytest.raises(BrokenPipeError):
        write_whole(f"/dev/fd/{theirs}", "text")
    os.close(theirs)


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("/dev/full", "No space left on device"),
        ("/proc/self/none", "No such file or directory"),
        ("/", "Is a directory"),
        ("/dev/null/a", "Not a directory"),
        ("/tmp/" + "a" * 300, "File name too long"),
    ],
)
def test_path_that_cannot_be_written_is_said(path, cause):
    with pytest.raises(BadInput) as caught:
        write_whole(path, "text")
    assert str(caught.value) == f"write '{path}': {cause}"
