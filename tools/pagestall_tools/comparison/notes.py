"""What two compared runs' contexts say that casts doubt on the comparison."""

from pagestall_tools.comparison.differences import DATASET, kernel_differences
from pagestall_tools.entries import is_number
from pagestall_tools.machine import is_known
from pagestall_tools.words import number

# A load average of so much for each CPU: the run had to share them.
BUSY = 2


def context_notes(runs):
    """Lines of what does not keep two runs, {side: Run}, from being compared."""
    a, b = runs.values()
    if a.binary != b.binary:
        yield f"different binaries: {a.binary or 'unknown'} / {b.binary or 'unknown'}"
    yield from kernel_differences(a.context, b.context)
    for key in DATASET:
        if (key in a.context) != (key in b.context):
            yield f"{key}: " + ", ".join(
                f"{run.context.get(key, 'unknown')} in the {side}" for side, run in runs.items()
            )
    if not (is_known(a.context) or is_known(b.context)):
        yield "machine unknown: nothing says whether both are of one"
    for side, run in runs.items():
        yield from notes_of_one(side, run.context)


def notes_of_one(side, context):
    if context.get("build_type") == "Debug":
        yield f"the {side} is a debug build: its times say little of a release"
    if context.get("slow_down"):
        yield f"the {side} was made with --slow_down={context['slow_down']}"
    load, cpus = load_average(context), context.get("num_cpus", 1)
    if is_number(load) and is_number(cpus) and load > BUSY * cpus:
        yield f"the machine was busy before the {side}: load {number(load)}, {cpus} CPUs"


def load_average(context):
    """Of the last minute, as the context has it."""
    loads = context.get("load_avg")
    return loads[0] if isinstance(loads, list) and loads else None
