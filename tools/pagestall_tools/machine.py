"""Which machine a run was made on, as far as it decides what a run takes."""

import hashlib
import json
import math

from pagestall_tools.words import natural

# Keys of a run's context that are the machine's and the build's.
MACHINE = [
    "cpu_model", "cpus_online", "memory_mib", "memory_limit_mib", "hypervisor", "page_bytes",
    "build_type",
]  # fmt: skip

# Those of a directory; with several, each has "_" and the directory's name behind it.
STORAGE = ["filesystem", "device_read_ahead_kib", "device"]

# Begin as one of STORAGE does, and decide nothing that it does not.
LEFT_OUT = ["device_model", "device_rotational", "device_scheduler"]


def fingerprint(context):
    """{key: text} of what makes two runs comparable, of what the context says of it. What
    changes by itself (clock rate, load, date) is not in it, nor what a run is made to compare
    (commit, compiler). The kernel's release is left to kernel_differences(): an upgrade is
    something to measure."""
    known = {key: str(context[key]) for key in MACHINE if key in context}
    if (mib := natural(known.get("memory_mib", ""), digits=15)) is not None:
        del known["memory_mib"]
        known["memory_gib"] = str(math.ceil(mib / 1024))
    kernel = str(context.get("kernel", "")).split()
    if len(kernel) >= 3:
        known["system"] = f"{kernel[0]} {kernel[-1]}"
    known.update((key, str(value)) for key, value in context.items() if is_storage(key))
    return dict(sorted(known.items()))


def is_storage(key):
    def starts(names):
        return any(key == name or key.startswith(f"{name}_") for name in names)

    return starts(STORAGE) and not starts(LEFT_OUT)


def machine_id(context):
    """Twelve hexadecimal digits: the same for the same fingerprint."""
    text = json.dumps(fingerprint(context), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def differences(a, b):
    """ "cpu_model: X / Y" for each part of two contexts' fingerprints that is not the same."""
    return differing(fingerprint(a), fingerprint(b))


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
