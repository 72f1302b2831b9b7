"""What a container forbids or limits, done to the calling process and what it starts: for
subprocess's preexec_fn."""

import ctypes
import os
import platform
import resource
import struct

# Of system calls, by architecture where they differ.
NUMBERS = {
    "io_uring_setup": 425, "io_uring_enter": 426, "clone3": 435, "faccessat2": 439,
    "cachestat": 451,
} | {
    "x86_64": {
        "clone": 56, "epoll_ctl": 233, "flock": 73, "fsync": 74, "getrusage": 98,
        "mincore": 27, "preadv2": 327, "rename": 82, "statx": 332, "sysinfo": 99,
        "timerfd_settime": 286,
    },
    "aarch64": {
        "clone": 220, "epoll_ctl": 21, "flock": 32, "fsync": 82, "getrusage": 165,
        "mincore": 232, "preadv2": 286, "rename": 38, "statx": 291, "sysinfo": 179,
        "timerfd_settime": 86,
    },
}.get(platform.machine(), {})  # fmt: skip

# seccomp(2): load the call's number; answer some with an error, allow the rest.
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ANSWER_ERRNO, ALLOW = 0x00050000, 0x7FFF0000
KILL, TRAP = 0x80000000, 0x00030000  # the process; by SIGSYS
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_IPC_LOCK = 24, 1, 2, 14
CLONE_NEWNS = 0x20000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 1 << 5, 1 << 12, 1 << 14, 1 << 18

LIBC = ctypes.CDLL(None, use_errno=True)


class Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def call(function, *arguments):
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), function.__name__)


def calls(**errors):
    """name=errno: what the system calls answer; name=KILL or TRAP: with death."""
    instructions = [(LOAD, 0, 0, 0)]
    for name, error in errors.items():
        answer = error if error in (KILL, TRAP) else ANSWER_ERRNO | error
        instructions += [(JUMP_IF_EQUAL, 0, 1, NUMBERS[name]), (RETURN, 0, 0, answer)]
    instructions.append((RETURN, 0, 0, ALLOW))
    code = b"".join(struct.pack("HBBI", *one) for one in instructions)
    program = Program(len(instructions), code)
    call(LIBC.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call(LIBC.prctl, PR_SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0)


def own_mounts():
    """Mounts made from here on are this process's own (root)."""
    call(LIBC.unshare, CLONE_NEWNS)
    call(LIBC.mount, None, b"/", None, MS_REC | MS_PRIVATE, None)


def hide(path):
    """Makes a file or a directory an empty one (root)."""
    own_mounts()
    if os.path.isdir(path):
        call(LIBC.mount, b"none", path.encode(), b"tmpfs", 0, None)
    else:
        call(LIBC.mount, b"/dev/null", path.encode(), None, MS_BIND, None)


def make_read_only(path):
    own_mounts()
    call(LIBC.mount, path.encode(), path.encode(), None, MS_BIND, None)
    call(LIBC.mount, None, path.encode(), None, MS_REMOUNT | MS_BIND | MS_RDONLY, None)


def show_instead(path, other):
    """A directory at the place of another (root, after own_mounts())."""
    call(LIBC.mount, bytes(other), bytes(path), None, MS_BIND, None)


def limit(which, most):
    resource.setrlimit(which, (most, most))


def lock_at_most(most):
    """Of memory, in bytes; also for root."""
    LIBC.prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0)
    limit(resource.RLIMIT_MEMLOCK, most)


def override_permissions():
    """Of files; root may do so where this does not forbid it."""
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
