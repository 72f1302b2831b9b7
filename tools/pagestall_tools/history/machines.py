"""Which runs of the history are of one machine."""

from pagestall_tools.bad_input import BadInput
from pagestall_tools.comparison.differences import differences
from pagestall_tools.words import plural, printable


def one_machine(machines, beginning):
    """The ID that begins so."""
    found = [machine for machine in machines if machine.startswith(beginning)]
    if len(found) != 1:
        known = printable(", ".join(found or machines)) or "none"
        raise BadInput(
            f"--machine {beginning}: {len(found) or 'no'} machines begin so; there are: {known}"
        )
    return found[0]


def of_one_machine(contexts, own):
    """Of {key: context} of runs with one machine ID: ({those that do not differ from `own`}, the
    differences of each of the others)."""
    different = {key: differences(context, own) for key, context in contexts.items()}
    same = {key: context for key, context in contexts.items() if not different[key]}
    return same, [one for one in different.values() if one]


def stranger_notes(strangers, own):
    """`own`: what they differ from."""
    if strangers:
        what = plural(len(strangers), "run")
        differ = "differs" if len(strangers) == 1 else "differ"
        yield (
            f"left out: {what} of this machine's ID that {differ} from {own} "
            f"({'; '.join(strangers[-1])})"
        )


def named(machine):
    return "any machine" if machine is None else f"machine {machine}"
