"""The report's HTML: one file that loads nothing and runs nothing."""

import html
import string

from pagestall_tools.words import printable

# Fits a phone, a wide screen and paper.
STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 72rem; padding: 0 1rem 3rem; background: #fff; color: #1a1a1a;
  font: 1rem/1.5 system-ui, "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.1rem; font-weight: 600; color: #555; margin: 1.5rem 0 .5rem; }
h2 { font-size: 1.35rem; margin: 2.75rem 0 .5rem; padding-top: .75rem; line-height: 1.25;
  border-top: 1px solid #ddd; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .25rem; }
p { max-width: 46rem; margin: .5rem 0; }
code { font-size: .92em; background: #f3f3f3; padding: .05em .3em; border-radius: .2em;
  white-space: nowrap; }
.answer { border-left: .4rem solid #767676; padding: .1rem 0 .1rem 1rem; margin: .75rem 0 1.25rem; }
.answer.yes { border-color: #d55e00; }
.answer.no { border-color: #009e73; }
.answer p { max-width: 58rem; }
.answer .because { font-size: 1.3rem; line-height: 1.4; }
.answer .because strong { font-size: 1.6rem; }
.use { font-size: 1.05rem; }
.note, figcaption { color: #555; font-size: .9rem; }
.label { font-weight: 600; }
.pictures { display: grid; gap: 1rem 2rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); }
figure { margin: .75rem 0; max-width: 34rem; min-width: 0; break-inside: avoid; }
figcaption { font-weight: 600; color: #1a1a1a; }
svg { display: block; width: 100%; height: auto; }
.scroll { overflow-x: auto; margin: .75rem 0 1.25rem; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
.caption { margin: 1.25rem 0 -.4rem; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid #e4e4e4; text-align: right;
  white-space: nowrap; vertical-align: top; overflow-wrap: normal; }
thead th { border-bottom: 1px solid #888; vertical-align: bottom; font-weight: 600; }
th:first-child, td:first-child { padding-left: 0; }
tbody th { font-weight: 400; }
.text { text-align: left; }
.long { text-align: left; white-space: normal; min-width: min(24rem, 70vw);
  overflow-wrap: anywhere; }
.marked > * { background: #fdf0e7; }
.group { text-align: center; border-left: 1px solid #ccc; }
@media (max-width: 40rem) {
  th, td { padding: .2rem .4rem; }
  .text, thead th { white-space: normal; min-width: 3.5rem; }
}
@media print {
  body { max-width: none; font-size: 9.5pt; padding: 0; }
  h2 { break-after: avoid; margin-top: 1.5rem; }
  h3, figcaption, .caption { break-after: avoid; }
  tr { break-inside: avoid; }
  .scroll { overflow: visible; }
  table { font-size: 7.5pt; }
  th, td { padding: .1rem .3rem; white-space: normal; }
  .pictures { grid-template-columns: 1fr 1fr; }
  .answer, .marked > * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""

PAGE = string.Template(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'">
<title>$title</title>
<style>$style</style>
</head>
<body>
$body
</body>
</html>
"""
)


class Html(str):
    """Text that is HTML already. Whatever else becomes part of an element is escaped."""


def escape(text):
    return text if isinstance(text, Html) else Html(html.escape(printable(text)))


def element(name, *children, **attributes):
    """<name ...>children</name>; `class_` is the attribute class."""
    written = "".join(
        f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items() if value
    )
    return Html(f"<{name}{written}>{''.join(map(escape, children))}</{name}>")


def join(*parts):
    return Html("\n".join(map(escape, parts)))


def paragraph(*children, class_=None):
    return element("p", *children, class_=class_)


def figure(picture, caption=""):
    return element("figure", element("figcaption", caption) if caption else "", picture)


def side_by_side(*figures):
    return element("div", *figures, class_="pictures") if figures else Html("")


def section(title, *parts):
    return element("section", element("h2", title), *parts)


def table(heads, rows, texts=1, caption="", marked=(), long=()):
    """In a container that scrolls by itself. `heads` are lines of headings, each a text or (text,
    columns it spans); the first `texts` columns are names, the rest figures; rows whose number
    is in `marked` stand out, columns in `long` may break lines."""
    head = []
    for line in heads:
        cells, column = [], 0
        for heading in line:
            text, columns = heading if isinstance(heading, tuple) else (heading, 1)
            kind = "text" if column < texts or column in long else "group" if columns > 1 else None
            cells.append(
                element("th", text, scope="col", class_=kind, colspan=columns > 1 and columns)
            )
            column += columns
        head.append(element("tr", *cells))
    body = []
    for index, row in enumerate(rows):
        cells = []
        for column, text in enumerate(row):
            kind = "long" if column in long else "text" if column < texts else None
            scope = "row" if column == 0 else None
            cells.append(element("td" if column else "th", text, class_=kind, scope=scope))
        body.append(element("tr", *cells, class_="marked" if index in marked else None))
    made = element("table", element("thead", *head), element("tbody", *body))
    return join(
        paragraph(caption, class_="note caption") if caption else "",
        element("div", made, class_="scroll", tabindex="0"),
    )


def page(title, *parts):
    """The whole file's text."""
    return PAGE.substitute(title=escape(title), style=STYLE, body=join(*parts))
