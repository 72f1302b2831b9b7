"""The article's binary, run in a place that a test chooses."""

import contextlib
import os
import subprocess

import pytest

from conftest import BUILD, SMALL

NOBODY = 65534
ROW = "--benchmark_filter=exec:seq/io:read/cache:warm"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes root")


@contextlib.contextmanager
def article(place, *flags, program="bench", nobody=False, prepare=lambda: None, **more):
    """The binary, running in `place`, as a user who may enter that but none of its parents."""
    binary = os.open(BUILD / "bench/article_bench", os.O_RDONLY)

    def become():
        prepare()
        if nobody:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

    options = {
        "executable": f"/proc/self/fd/{binary}", "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE, "text": True, **more,
    }  # fmt: skip
    process = subprocess.Popen(
        [program, *SMALL, ROW, *flags], cwd=place, pass_fds=[binary], preexec_fn=become, **options
    )  # fmt: skip
    os.close(binary)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def run(place, data_dir, *flags, **options):
    with article(place, b"--data_dir=" + os.fsencode(data_dir), *flags, **options) as process:
        stdout, stderr = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def write(path, text="years of work"):
    path.write_text(text)
    return path


def make(path, mode=0o700, owner=0):
    path.mkdir()
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, owner, owner)
    return path
