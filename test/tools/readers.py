"""Every way in which a tool reads a run."""

import unicodedata

from conftest import ROOT

SAVED = ROOT / "test/runs/article.json"


# What reads a run: (place, path) -> the program and its words.
COMMANDS = {
    "report": lambda own, bad: ["pagestall", "report", bad, "-o", own.output],
    "report, second": lambda own, bad: ["pagestall", "report", own.good, bad, "-o", own.output],
    "csv": lambda own, bad: ["pagestall", "csv", bad, "-o", own.output],
    "gate, baseline": lambda own, bad: ["pagestall", "gate", bad, own.good],
    "gate, contender": lambda own, bad: ["pagestall", "gate", own.good, bad],
    "history add": lambda own, bad: [
        "pagestall", "history", "add", "--db", own.db, own.good, bad,
    ],
    "history gate": lambda own, bad: ["pagestall", "history", "gate", "--db", own.db, bad],
    "table": lambda own, bad: ["table", bad],
    "gate_rates": lambda own, bad: ["gate_rates", *own.kept(bad)],
}  # fmt: skip


def is_control(sign):
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")
