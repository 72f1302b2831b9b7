"""When a run was made, as the history has it."""

import datetime
import re

from pagestall_tools.bad_input import BadInput
from pagestall_tools.words import clipped

# As old versions of Google Benchmark write it.
OLD = re.compile(r"[0-9]{4}/[0-9]{2}/[0-9]{2}-[0-9]{2}:[0-9]{2}:[0-9]{2}")


def date_of(run):
    """BadInput if it does not say."""
    try:
        return utc(run.context["date"])
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        cause = clipped(repr(error), 200)
        raise BadInput(f"read '{run.path}': no date in its context ({cause})") from error


def utc(date):
    """Without a time zone, as it is stored; of one without, UTC is taken. `date` is text as in a
    run's context, or a datetime."""
    if isinstance(date, str):
        if OLD.fullmatch(date):
            return datetime.datetime.strptime(date, "%Y/%m/%d-%H:%M:%S")
        date = datetime.datetime.fromisoformat(date)
    if date.tzinfo is not None:
        date = date.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return date
