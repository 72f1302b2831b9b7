"""What a row's name says."""

from pagestall_tools.words import natural

SCAN_AXES = {"exec", "io", "cache", "files", "mib", "stride"}


def axes(run_name):
    """{'exec': 'async', 'io': 'mmap', ...} of a row's name."""
    return dict(part.split(":", 1) for part in run_name.split("/") if ":" in part)


def is_scan(row):
    """Whether it is a scan of this suite, by its name: others have rows called so as well."""
    axis = axes(row)
    return (
        row.startswith("scan/")
        and SCAN_AXES <= axis.keys()
        and natural(axis.get("read_ahead_kib", "0") or "0", digits=19) is not None
    )
