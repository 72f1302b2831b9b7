"""Which machine a run was made on, as far as it decides what a run takes."""

import hashlib
import json
import math
import re

from pagestall_tools.bad_input import BadInput
from pagestall_tools.words import natural

# Keys of a run's context that are the machine's and the build's.
MACHINE = [
    "cpu_model", "cpus_online", "cpus_allowed", "cpu_limit", "memory_mib", "memory_limit_mib",
    "hypervisor", "page_bytes", "build_type",
]  # fmt: skip


# Those of a directory; with several, each has "_" and the directory's name behind it.
STORAGE = ["filesystem", "device_read_ahead_kib", "device"]

# What a cold read of a directory may be answered by: disks, and memories that nobody can look into.
# A run says either both or, if it is older, nothing; without the second there is no such memory.
DISKS, MEMORIES = "disks_below", "unknown_below"

# Its number is the first that was free; that of a partition on it is the partition's.
LOOP = re.compile(r"(?<![^/])loop[0-9]+(?=(p[0-9]+)?$)")


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


def is_storage(key):
    def starts(names):
        return any(key == name or key.startswith(f"{name}_") for name in names)

    return starts(STORAGE) and not starts(LEFT_OUT)


def machine_id(context):
    """Twelve hexadecimal digits: the same for the same fingerprint."""
    text = json.dumps(fingerprint(context), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def storage(key, context):
    """A loop device is told by the disks below it, if they are known."""
    said, disks = str(context[key]), context.get(key.replace("device", DISKS, 1), "unknown")
    if disks == "unknown" or not LOOP.search(said):
        return said
    return f"{LOOP.sub('loop', said)} of {disks}"
