"""In what the machines, builds and datasets of two runs are not the same."""

import re

from pagestall_tools.machine import DISKS, MEMORIES, THIS_SUITE, fingerprint
from pagestall_tools.words import natural

# Keys of a context that decide what was measured.
DATASET = ["seed", "evict"]

# What a system call and faults take, in ns: no two measurements of one machine differ as much.
COSTS, MOST_TIMES = "cost_", 3

LOOP_READS = re.compile(r"\Aloop[0-9]+(?=(p[0-9]+)?, which reads )")

# Where the path is not the machine's.
HIDDEN = re.compile(r".+(?=, which cannot be seen here$)", re.DOTALL)


def context_differences(a, b):
    """Of machine, build and dataset: "key: a's / b's". With these, the runs are not to be
    compared."""
    return [*differences(a, b), *dataset_differences(a, b)]


def build_and_dataset_differences(a, b):
    """As context_differences(), whatever the machines are."""
    return [*build_differences(a, b), *dataset_differences(a, b)]


def dataset_differences(a, b):
    """Of what both say."""
    return [
        f"{key}: {a[key]} / {b[key]}"
        for key in DATASET
        if key in a and key in b and a[key] != b[key]
    ]


def differences(a, b):
    """ "cpu_model: X / Y" for each part of two contexts' fingerprints that is not the same, for
    what their storage reads from, and for what takes one of them far longer."""
    costs = sorted(key for key in a.keys() & b.keys() if key.startswith(COSTS))
    return [
        *differing(fingerprint(a), fingerprint(b)),
        *differences_below(a, b),
        *(f"{key}: {a[key]} / {b[key]}" for key in costs if is_far(a[key], b[key])),
    ]


def differences_below(a, b):
    """As differences(), of each directory of which both say what is below it. Not part of the
    fingerprint: runs from before it was known are of the same machine."""
    both = [key for key in a.keys() & b.keys() if key == DISKS or key.startswith(f"{DISKS}_")]
    memories = [key.replace(DISKS, MEMORIES, 1) for key in both]
    below = (
        {key: str(one[key]) for key in both}
        | {key: memory(one.get(key, "nothing")) for key in memories}
        for one in (a, b)
    )
    return differing(*below)


def memory(said):
    """What two runs must have in common of it: a container's layers have names of their own, and
    loop devices are told by their files."""
    return LOOP_READS.sub("loop", HIDDEN.sub("storage", str(said)))


def is_far(a, b):
    numbers = [natural(str(one), digits=15) or 0 for one in (a, b)]
    return max(numbers) > MOST_TIMES * max(1, min(numbers))


def build_differences(a, b):
    """As differences(), of the build alone, where both name it."""
    key = "build_type" if THIS_SUITE & {*a, *b} else "library_build_type"
    return differing(*({key: str(one[key])} for one in (a, b))) if key in a and key in b else []


def kernel_differences(a, b):
    """As differences(), of the kernel's release and of settings that an upgrade may change."""
    keys = ["kernel", "transparent_huge_pages", "libc_version"]
    return differing(*({key: str(one[key]) for key in keys if key in one} for one in (a, b)))


def differing(a, b):
    return [
        f"{key}: {a.get(key, 'unknown')} / {b.get(key, 'unknown')}"
        for key in sorted({*a, *b})
        if a.get(key) != b.get(key)
    ]
