"""Makes pictures part of the report's page: SVG to go into it, and PNG. The same run makes the same
bytes."""

import io
import os.path
import re
import warnings
import xml.etree.ElementTree as xml

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402

from pagestall_tools import progress  # noqa: E402
from pagestall_tools.report.html import Html  # noqa: E402
from pagestall_tools.whole_file import write_whole  # noqa: E402
from pagestall_tools.words import printable  # noqa: E402

SVG = "http://www.w3.org/2000/svg"
LINK = "{http://www.w3.org/1999/xlink}href"

STYLE = {
    "font.size": 8.5,
    "font.family": "DejaVu Sans",
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "pagestall",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#767676",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
}


class Gallery:
    """Makes each picture for the page and, if a directory is given, as DIRECTORY/NAME.png."""

    def __init__(self, directory=None):
        self.directory = directory
        self.count = 0
        matplotlib.rcParams.update(STYLE)

    def add(self, figure, name, alternative):
        self.count += 1
        progress.show(f"picture {self.count}: {name}")
        with warnings.catch_warnings():  # of glyphs that no font here has
            warnings.simplefilter("ignore")
            if self.directory:
                png = io.BytesIO()
                figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
                write_whole(os.path.join(self.directory, f"{name}.png"), png.getvalue())
            text = io.BytesIO()
            figure.savefig(text, format="svg", metadata={"Date": None})
        pyplot.close(figure)
        return inline(text.getvalue(), name, alternative)


def inline(svg, name, alternative):
    """For a page that holds several: with ids of its own, and without what only a file needs."""
    xml.register_namespace("", SVG)
    root = xml.fromstring(svg)
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    for node in root.iter():
        if re.fullmatch(r"[a-z0-9]+_\d+", node.get("id", "")):
            del node.attrib["id"]
        elif "id" in node.attrib and not node.get("id").startswith("dots-"):
            node.set("id", f"{name}-{node.get('id')}")
        if LINK in node.attrib:
            node.set("href", f"#{name}-{node.attrib.pop(LINK)[1:]}")
        for key in ("clip-path", "style"):
            if "url(#" in node.get(key, ""):
                node.set(key, node.get(key).replace("url(#", f"url(#{name}-"))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set("aria-label", printable(alternative))
    return Html(xml.tostring(root, encoding="unicode"))
