"""Databases for tests, of SQLite and of a PostgreSQL server of the tests' own, which is reached
by a socket in a directory of its own. A plugin of pytest: it brings the fixtures."""

import contextlib
import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from conftest import NO_DRIVER

PASSWORD = "op3n-s3same"


@pytest.fixture(scope="session")
def server():
    with running_server() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request, scratch):
    """Where an empty history may be made."""
    if request.param == "sqlite":
        return str(scratch / "history.sqlite")
    return request.getfixturevalue("server").new_database()


class Server:
    password = PASSWORD

    def __init__(self, directory):
        self.directory = directory
        self.made = 0

    def url(self, database="postgres", password=PASSWORD):
        return f"postgresql://postgres:{password}@/{database}?host={self.directory}"

    def new_database(self):
        """The URL of an empty one."""
        self.made += 1
        name = f"history{self.made}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def has_waiting_transaction(self):
        """Whether one waits for the end of another."""
        return self.execute("SELECT pid FROM pg_locks WHERE NOT granted")

    def execute(self, statement):
        """The rows of its result, if it has one."""
        import psycopg2

        with contextlib.closing(psycopg2.connect(self.url())) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def running_server():
    """Ends with this process, however that ends. Skips the test where it is not installed."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
    pytest.importorskip("psycopg2", reason=NO_DRIVER)
    if not found:
        pytest.skip("PostgreSQL is not installed")
    programs = pathlib.Path(found[-1]).parent
    user = as_user()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="pagestall-pg-", dir="/tmp"))
    process = None
    try:
        (directory / "password").write_text(PASSWORD)
        if user:
            for path in (directory, directory / "password"):
                shutil.chown(path, "postgres", "postgres")
        run = [
            *user, programs / "initdb", "--no-sync", "-U", "postgres", "-A", "scram-sha-256",
            "--pwfile", directory / "password", "-D", directory / "data",
        ]  # fmt: skip
        subprocess.run(run, cwd=directory, check=True, capture_output=True)
        with open(directory / "log", "w", encoding="utf-8") as log:
            process = subprocess.Popen(
                [
                    *user, programs / "postgres", "-D", directory / "data", "-F",
                    "-c", "listen_addresses=", "-k", directory,
                ],
                cwd=directory, stdout=log, stderr=log,
            )  # fmt: skip
        wait_until_ready(programs, directory, process)
        yield Server(directory)
    finally:
        if process:
            process.send_signal(signal.SIGQUIT)  # at once, without a checkpoint
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(directory)


def as_user():
    """The words before a command: as root the server refuses to run."""
    words = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() != 0:
        return words
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("there is no user postgres")
    return [*words, "--reuid", "postgres", "--regid", "postgres", "--init-groups"]


def wait_until_ready(programs, directory, process):
    deadline = time.monotonic() + 60
    while subprocess.run(
        [programs / "pg_isready", "-q", "-h", directory], check=False
    ).returncode:
        assert process.poll() is None, (directory / "log").read_text()
        assert time.monotonic() < deadline, (directory / "log").read_text()
        time.sleep(0.05)
