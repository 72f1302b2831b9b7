"""Which machine a run was made on, as far as it decides what a run takes."""

import hashlib
import json
import math
import re

from pagestall_tools.runs import BadInput
from pagestall_tools.words import natural

# Keys of a run's context that are the machine's and the build's.
MACHINE = [
    "cpu_model", "cpus_online", "cpus_allowed", "cpu_limit", "memory_mib", "memory_limit_mib",
    "hypervisor", "page_bytes", "build_type",
]  # fmt: skip

# What a system call and faults take, in ns: no two measurements of one machine differ as much.
COSTS, MOST_TIMES = "cost_", 3

# Those of a directory; with several, each has "_" and the directory's name behind it.
STORAGE = ["filesystem", "device_read_ahead_kib", "device"]

# What a cold read of a directory may be answered by: disks, and memories that nobody can look into.
# A run says either both or, if it is older, nothing; without the second there is no such memory.
DISKS, MEMORIES = "disks_below", "unknown_below"

# Its number is the first that was free; that of a partition on it is the partition's.
LOOP = re.compile(r"(?<![^/])loop[0-9]+(?=(p[0-9]+)?$)")
LOOP_READS = re.compile(r"\Aloop[0-9]+(?=(p[0-9]+)?, which reads )")

# Where the path is not the machine's.
HIDDEN = re.compile(r".+(?=, which cannot be seen here$)", re.DOTALL)

# Those that every run of this suite has. One of another suite says no more than the library does.
THIS_SUITE = {"cpu_model", "cpus_online", "page_bytes"}

# What the library says of a machine and of its own build. Not mhz_per_cpu: of the same machine it
# is the clock rate of the moment, or the highest, or 0, as the library's version has it.
LIBRARY = ["host_name", "num_cpus", "caches", "library_build_type"]

# Say nothing that tells machines apart: what stands in for an unknown name, and what every phone
# is called.
NO_NAMES = {"", "unknown", "(none)", "127.0.0.1", "::1"}

LOCALHOST = re.compile(r"(ip6-)?localhost(4|6)?(\.localdomain(4|6)?)?")

# Begin as one of STORAGE does, and decide nothing that it does not.
LEFT_OUT = ["device_model", "device_rotational", "device_scheduler"]


def fingerprint(context):
    """{key: text} of what makes two runs comparable, of what the context says of it; empty if
    that tells no machines apart. What changes by itself (clock rate, load, date) is not in it,
    nor what a run is made to compare (commit, compiler). The kernel's release is left to
    kernel_differences(): an upgrade is something to measure."""
    if not THIS_SUITE & context.keys():
        return library_fingerprint(context)
    known = {key: str(context[key]) for key in MACHINE if key in context}
    if (mib := natural(known.get("memory_mib", ""), digits=15)) is not None:
        del known["memory_mib"]
        known["memory_gib"] = str(math.ceil(mib / 1024))
    kernel = str(context.get("kernel", "")).split()
    if len(kernel) >= 3:
        known["system"] = f"{kernel[0]} {kernel[-1]}"
    known.update((key, storage(key, context)) for key in context if is_storage(key))
    return dict(sorted(known.items()))


def library_fingerprint(context):
    """Of a run of another suite: its host, or CPUs with the same caches, are a machine."""
    known = {key: context[key] for key in LIBRARY if context.get(key)}
    name = str(known.get("host_name", "")).lower()
    if name in NO_NAMES or LOCALHOST.fullmatch(name):
        known.pop("host_name", None)
        if not {"num_cpus", "caches"} <= known.keys():
            return {}
    if "caches" in known:
        known["caches"] = caches(known["caches"])
    return {key: str(value) for key, value in sorted(known.items())}


def caches(known):
    """ "L1 Data 32768 B of 2, ..." of the library's list."""
    if not isinstance(known, list) or not all(isinstance(one, dict) for one in known):
        return json.dumps(known, sort_keys=True)
    return ", ".join(
        "L{} {} {} B of {}".format(
            *(one.get(key, "unknown") for key in ("level", "type", "size", "num_sharing"))
        )
        for one in known
    )


def is_known(context):
    """Whether it tells the machine from others."""
    return bool(fingerprint(context))


def check_known(run, any_machine, so="--any-machine takes it for the same as any other"):
    """Raises BadInput if a Run is of no known machine, and that is not allowed. `so`: what
    follows from that."""
    if not any_machine and not is_known(run.context):
        raise BadInput(
            f"read '{run.path}': machine unknown: its context has neither a host_name nor caches "
            f"that tell machines apart; {so}"
        )


def add_any_machine(parser, what):
    parser.add_argument("--any-machine", action="store_true", help=what)


def is_storage(key):
    def starts(names):
        return any(key == name or key.startswith(f"{name}_") for name in names)

    return starts(STORAGE) and not starts(LEFT_OUT)


def machine_id(context):
    """Twelve hexadecimal digits: the same for the same fingerprint."""
    text = json.dumps(fingerprint(context), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


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


def storage(key, context):
    """A loop device is told by the disks below it, if they are known."""
    said, disks = str(context[key]), context.get(key.replace("device", DISKS, 1), "unknown")
    if disks == "unknown" or not LOOP.search(said):
        return said
    return f"{LOOP.sub('loop', said)} of {disks}"


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
