"""What became of a row's repetition that has no time: it is kept as a message, whose beginning says
which."""

import enum


class Outcome(enum.Enum):
    """Its value is what the message of one begins with. The suite writes the first
    (bench/run/outcome.cc), Google Benchmark marks the second, the others are found here."""

    NOT_AVAILABLE = "not available here: "  # cannot run on the machine
    SKIPPED = "skipped: "  # by the benchmark itself (SkipWithMessage)
    AGGREGATED = "only its aggregates are there"  # ReportAggregatesOnly
    UNREADABLE = "no measurement: "  # nothing in the file can be one
    FAILED = ""

    @property
    def is_answer(self):
        """Rather than a failure."""
        return self in ANSWERS

    def because(self, why):
        """Its message."""
        return self.value + why


ANSWERS = (Outcome.NOT_AVAILABLE, Outcome.SKIPPED, Outcome.AGGREGATED)


def outcome_of(message):
    return next(one for one in Outcome if message.startswith(one.value))


def reported(entry):
    """The message of an entry of a run's JSON; None if it says that it was measured."""
    if entry.get("error_occurred"):
        return Outcome.FAILED.because(str(entry.get("error_message", "unknown error")))
    if entry.get("skipped") is True:
        return Outcome.SKIPPED.because(str(entry.get("skip_message", "unknown reason")))
    return None
