"""Where a cold scan may have been answered from memory."""

def unknown_below(run, directory=None):
    """A sentence for each directory of the run whose storage has a memory of its own; only for the
    one that is named, which is "" where the run has no other."""
    key = "unknown_below"
    wanted = {None: None, "": key}.get(directory, f"{key}_{directory}")
    return [
        f"Cold here, unknown below{name.removeprefix(key).replace('_', ' in ', 1)}: "
        f"{who} may have answered from memory."
        for name, who in sorted(run.context.items())
        if name == wanted or (not wanted and (name == key or name.startswith(f"{key}_")))
    ]
