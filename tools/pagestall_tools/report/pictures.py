"""What the report's pictures show.

They are as wide as a phone, so that their text can be read there. A group of dots has an id
that begins with "dots-" and a <use> for each repetition.
"""

import itertools
import statistics

from matplotlib import pyplot
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from pagestall_tools.words import brief_source, clipped, number, plain_source

# Of Okabe and Ito, which the colour-blind can tell apart.
BLACK, ORANGE, SKY, GREEN, BLUE, RED, PURPLE = (
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7",
)  # fmt: skip
GREY = "#767676"

WIDTH = 4.3  # inches
MOST = 60  # rows that a picture has room for


def colour(source):
    """mmap's own, that of mmap with yields, and one for each kind of remedy."""
    if source == "mmap":
        return RED
    plain = plain_source(source)
    if plain == "mmap":
        return ORANGE
    kinds = [("read", BLUE), ("uring", GREEN), ("uncached", SKY), ("mmap_", PURPLE)]
    return next((hue for begin, hue in kinds if plain.startswith(begin)), BLACK)


def scatter(axes, x, y, hue, gid, size=4.5):
    """A dot for each, which the page's readers and tests can find."""
    (line,) = axes.plot(
        x, y, "o", color=hue, markersize=size, markeredgewidth=0.4, markeredgecolor="white",
        alpha=0.8, linestyle="none",
    )  # fmt: skip
    line.set_gid(gid)
    line.set_clip_on(False)


def legend(figure, entries):
    handles = [
        Line2D([], [], marker="o", linestyle="none", color=hue, label=clipped(label, 30))
        for label, hue in entries
    ]
    figure.legend(
        handles=handles, loc="upper left", ncol=min(3, len(handles)), frameon=False,
        borderaxespad=0.2, handletextpad=0.1, columnspacing=1,
    )  # fmt: skip


def lanes(gallery, name, rows, axis, limit, alternative):
    """A dot for each repetition along an axis from zero, a lane for each series of a row.

    rows: [(label, [(series, colour, values)])]. A black line stands at a lane's median. `limit`:
    where the axis ends at least.
    """
    named = dict(
        (series, hue) for _, all_series in rows for series, hue, _ in all_series if series
    )
    head = 1.5 if max((len(all_series) for _, all_series in rows), default=0) > 1 else 1.2
    lines = sum(head + len(all_series) for _, all_series in rows)
    above = 0.1 + 0.2 * ((len(named) + 2) // 3)
    height = 0.17 * lines + 0.55 + above
    figure = pyplot.figure(figsize=(WIDTH, height))
    axes = figure.add_axes([0.035, 0.47 / height, 0.93, 1 - (0.55 + above) / height])
    at = 0
    for row, (label, all_series) in enumerate(rows):
        axes.text(
            0, at + head / 2 - 0.05, clipped(label, 48), va="center", zorder=1,
            transform=axes.get_yaxis_transform(), bbox={"color": "white", "pad": 0.5},
        )  # fmt: skip
        at += head
        for index, (_, hue, figures) in enumerate(all_series):
            spread = [at + 0.45 * ((i * 0.618 + 0.5) % 1 - 0.5) for i in range(len(figures))]
            scatter(axes, figures, spread, hue, f"dots-{name}-{row}-{index}")
            middle = statistics.median(figures)
            axes.plot([middle, middle], [at - 0.45, at + 0.45], color=BLACK, linewidth=1.2)
            at += 1
    most = max((one for _, all_series in rows for _, _, f in all_series for one in f), default=0)
    axes.set_xlim(0, max(most, limit) * 1.04 or 1)
    axes.set_ylim(at - 0.3, 0)
    axes.yaxis.set_major_locator(NullLocator())
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: number(tick)))
    axes.locator_params(axis="x", nbins=5)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel(axis)
    if len(named) > 0:
        legend(figure, named.items())
    return gallery.add(figure, name, alternative)


def apart(wanted, gap, low, high):
    """Places as near to the wanted ones (ascending) as a gap between each two allows."""
    places = []
    for one in wanted:
        places.append(max(one, places[-1] + gap if places else low))
    ceiling = high
    for index in reversed(range(len(places))):
        places[index] = min(places[index], ceiling)
        ceiling = places[index] - gap
    return places


def label_right(figure, axes, labels, size):
    """Names points at the right edge: [(x, y, text, colour)], a thin line from each."""
    figure.canvas.draw()
    box = axes.get_window_extent()
    scale = figure.dpi / 72
    to_axes = axes.transAxes.inverted().transform
    placed = sorted(
        ((to_axes(axes.transData.transform((x, y))), text, hue) for x, y, text, hue in labels),
        key=lambda one: (one[0][1], one[1]),
    )
    gap = (size + 2.2) * scale / box.height
    places = apart([point[1] for point, _, _ in placed], gap, 0.01, 1)
    for (point, text, hue), place in zip(placed, places):
        axes.annotate(
            text, point, (1.05, place), xycoords="axes fraction", textcoords="axes fraction",
            fontsize=size, va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": hue, "linewidth": 0.6, "alpha": 0.7,
                        "shrinkA": 1, "shrinkB": 2.5, "relpos": (0, 0.5)},
        )  # fmt: skip


def ladder(gallery, name, points, alternative):
    """Throughput against stalls: [(source, stall p99 in ms, MiB/s)], best at the top right."""
    height = max(3, 0.18 * len(points) + 0.8)
    figure = pyplot.figure(figsize=(WIDTH, height))
    axes = figure.add_axes([0.165, 0.5 / height, 0.335, 1 - 0.68 / height])
    for index, (source, stall, speed) in enumerate(points):
        scatter(axes, [max(stall, 0.01)], [speed], colour(source), f"dots-{name}-{index}", 6)
    axes.set_xscale("log")
    stalls = [max(stall, 0.01) for _, stall, _ in points]
    axes.set_xlim(max(stalls) * 2, min(stalls) / 1.6)
    axes.set_ylim(0, max(speed for _, _, speed in points) * 1.05 or 1)
    plain_log(axes.xaxis)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("stall p99, ms (quieter →)")
    axes.set_ylabel("MiB/s, cold")
    labels = [
        (max(stall, 0.01), speed, clipped(brief_source(source), 30), colour(source))
        for source, stall, speed in points
    ]
    label_right(figure, axes, labels, 8)
    return gallery.add(figure, name, alternative)


def plain_log(axis, finer=False):
    """Figures rather than powers of ten; `finer`: at 2 and 5 as well."""
    if finer:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda tick, _: number(tick)))
    axis.set_minor_formatter(FuncFormatter(lambda *_: ""))


def shares(gallery, name, series, alternative):
    """Microseconds per lookup by the share that is in memory: {source: {percent: [µs]}}."""
    height = max(3, 0.19 * len(series) + 0.8)
    figure = pyplot.figure(figsize=(WIDTH, height))
    axes = figure.add_axes([0.15, 0.5 / height, 0.44, 1 - 0.68 / height])
    percents = sorted({percent for known in series.values() for percent in known})
    stroke_of, labels = {}, []
    for index, (source, known) in enumerate(series.items()):
        x = [percents.index(percent) for percent in sorted(known)]
        middles = [max(statistics.median(known[percent]), 1e-3) for percent in sorted(known)]
        hue = colour(source)
        stroke_of.setdefault(hue, itertools.cycle(["-", "--", ":", "-."]))
        axes.plot(x, middles, next(stroke_of[hue]), color=hue, linewidth=1.3)
        dots = [
            (percents.index(percent), max(one, 1e-3))
            for percent in sorted(known)
            for one in known[percent]
        ]
        scatter(axes, *zip(*dots), hue, f"dots-{name}-{index}", 3)
        labels.append((x[-1], middles[-1], clipped(source, 26), hue))
    axes.set_yscale("log")
    plain_log(axes.yaxis, finer=True)
    axes.set_xlim(-0.15, max(len(percents) - 0.9, 0.15))
    axes.set_xticks(range(len(percents)), [number(percent) for percent in percents])
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axes.set_xlabel("% of the files in memory")
    axes.set_ylabel("µs per lookup")
    label_right(figure, axes, labels, 8)
    return gallery.add(figure, name, alternative)


def drift(gallery, name, points, axis, alternative):
    """Each repetition's time as a multiple of its row's median, in order of time, above the CPU
    time that the host took away: [(x, multiple, label, colour, steal in % or None)]."""
    stolen = sorted((x, steal) for x, _, _, _, steal in points if steal is not None)
    height = 2.9 if stolen else 2.3
    figure = pyplot.figure(figsize=(WIDTH, height))
    base = 1.2 / height if stolen else 0.5 / height
    axes = figure.add_axes([0.13, base, 0.83, 1 - base - 0.32 / height])
    kinds = {label: hue for _, _, label, hue, _ in points}
    for index, (label, hue) in enumerate(kinds.items()):
        own = [(x, min(max(y, 1 / 8), 8)) for x, y, kind, _, _ in points if kind == label]
        scatter(axes, *zip(*own), hue, f"dots-{name}-{index}", 3)
    axes.axhline(1, color=BLACK, linewidth=0.8, zorder=1)
    axes.set_yscale("log", base=2)
    axes.set_ylim(1 / 9, 9)
    axes.set_yticks([1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8], ["⅛", "¼", "½", "1", "2", "4", "8"])
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_ylabel("× median")
    legend(figure, kinds.items())
    last = axes
    if stolen:
        axes.tick_params(labelbottom=False)
        last = figure.add_axes([0.13, 0.5 / height, 0.83, 0.55 / height], sharex=axes)
        last.fill_between(*zip(*stolen), step="mid", color=GREY, alpha=0.5, linewidth=0)
        last.set_ylim(0, max(max(steal for _, steal in stolen), 10) * 1.05)
        last.set_ylabel("steal, %")
    last.set_xlabel(axis)
    last.locator_params(axis="x", nbins=6)
    return gallery.add(figure, name, alternative)
