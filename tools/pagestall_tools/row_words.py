"""What runs call the executors, sources and counters of their rows, for a person to read: by the
context's words_exec, words_io and words_counters (bench/run/row_words.h). An older run does not say:
then it is the name."""

PREFIX = "words_"


def is_words(key):
    """Whether a key of the context is for RowWords alone."""
    return key.startswith(PREFIX)


class RowWords:
    """Of several runs, each of what the first says that knows it."""

    def __init__(self, contexts):
        contexts = list(contexts)
        self._executors = of_axis("exec", contexts)
        self._sources = of_axis("io", contexts)
        self.counters = of_axis("counters", contexts)

    def executor(self, name, files=""):
        """ "8 coroutines"; without the number if files is ""."""
        return self._executors.get(name, name).replace("{}", str(files)).strip()

    def source_does(self, name):
        """A few words; "" if no run says."""
        return self._sources.get(name, "")

    @property
    def sources(self):
        """In the order of rows."""
        return list(self._sources)


def of_axis(axis, contexts):
    said = {}
    for context in contexts:
        lines = context.get(PREFIX + axis, "")
        for line in lines.splitlines() if isinstance(lines, str) else ():
            name, _, words = line.partition(": ")
            said.setdefault(name, words)
    return said


def of_runs(runs):
    """Of {label: run}."""
    return RowWords(run.context for run in runs.values())


def of_columns(shown):
    return RowWords(column.run.context for column in shown)
