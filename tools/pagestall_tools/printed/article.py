"""The article's tables: seconds per executor and source, cold and warm; how long an async
executor ran nothing else; and how much of the threads' gain over one thread it lost."""

import statistics

from pagestall_tools.analysis.figures import values
from pagestall_tools.analysis.scans import count, line_order, place_name, probed
from pagestall_tools.analysis.serialisation import serialisation


def cell(repetitions, key, statistic, digits):
    known = values(repetitions, key)
    return f"{statistic(known):9.{digits}f}" if known else f"{'-':>9}"


def print_table(places, cells, names):
    """A line per executor, source and place, with `cells` of its cold and warm repetitions."""
    width = max(6, *(len(source) for lines in places.values() for _, source in lines)) + 2
    columns = [
        (heading, max(len(heading), *(len(place[axis]) for place in places)) + 2, axis)
        for axis, heading in enumerate(["directory", "read-ahead KiB"])
        if any(place[axis] for place in places)
    ]
    where = "".join(f"{heading:{size}}" for heading, size, _ in columns)
    print(f"{'':{11 + width + len(where)}}{'cold':>18}  {'warm':>18}")
    print(f"{'executor':11}{'source':{width}}{where}{names}  {names}")
    keys = sorted({key for lines in places.values() for key in lines}, key=line_order)
    for executor, source in keys:
        for place, lines in places.items():
            if (executor, source) not in lines:
                continue
            caches = lines[executor, source]
            where = "".join(f"{place[axis]:{size}}" for _, size, axis in columns)
            cold, warm = (cells(caches.get(cache, [])) for cache in ("cold", "warm"))
            print(f"{executor:11}{source:{width}}{where}{cold}  {warm}")
    print()


def seconds(repetitions):
    return cell(repetitions, "s", min, 3) + cell(repetitions, "s", statistics.median, 3)


def stalls(repetitions):
    return cell(repetitions, "stall_ms", max, 1) + cell(
        repetitions, "blocked_ms", statistics.median, 1
    )


def print_report(shape, places):
    files, mib, stride = shape
    print(f"Seconds for the sum of every {stride}th byte of {files} files of {mib} MiB;")
    print(f"repetitions per row: {count(places)}")
    print()
    print_table(places, seconds, f"{'min':>9}{'median':>9}")
    watched = {place: probed(lines) for place, lines in places.items() if probed(lines)}
    if watched:
        print("Milliseconds in which the executor ran nothing else: the worst stall of all")
        print("repetitions, and the median time that its thread slept outside its own wait")
        print()
        print_table(watched, stalls, f"{'stall':>9}{'blocked':>9}")
    indices = {place: serialisation(lines) for place, lines in places.items()}
    said = [
        f"{place_name(place)}: {index}" if place_name(place) else index
        for place, index in indices.items()
        if index
    ]
    if said:
        print("Serialisation index of cold mmap, (async - threads) / (seq - threads);")
        print("1: the executor bought nothing, 0: as good as threads: " + "\n".join(said))
