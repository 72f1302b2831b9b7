#!/usr/bin/python3
"""What ctest's last run in a build directory skipped, and for want of what.

  test/skipped.py build/release                  how many, for each reason
  test/skipped.py build/release --allowed=FILE   names those that are not in FILE, a name a line,
                                                 and fails if there is one
"""

import argparse
import collections
import pathlib
import re
import sys

LOG = "Testing/Temporary/LastTest.log"
# Of GoogleTest, which says first why; and of conftest.py.
OF_GOOGLETEST = re.compile(
    r"^\S+:\d+: Skipped\n(?P<why>.*?)\n+\[  SKIPPED \] (?P<name>\S+?)(?:,| \()", re.M | re.S
)
OF_PYTEST = re.compile(r"^skipped: (?P<name>\S+?\.py\S*(?:\[.*\])?): (?P<why>.*)$", re.M)


def skipped(log):
    """{test: why}"""
    found = [*OF_GOOGLETEST.finditer(log), *OF_PYTEST.finditer(log)]
    return {one["name"]: " ".join(one["why"].split()) for one in found}


def without_particulars(why):
    """So that those which want the same thing are counted together."""
    return re.sub(r"'[^']*'", "...", why)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--allowed", metavar="FILE", type=pathlib.Path)
    arguments = parser.parse_args()
    try:
        tests = skipped((arguments.build / LOG).read_text(errors="replace"))
        allowed = arguments.allowed and set(arguments.allowed.read_text().splitlines())
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    reasons = collections.Counter(map(without_particulars, tests.values()))
    print(f"Skipped: {len(tests)}" + (", for want of" if tests else ""))
    for why, count in reasons.most_common():
        print(f"{count:6}  {why}")
    if allowed is None:
        return 0
    for name in sorted(tests.keys() - allowed):
        print(f"error: skipped, but not in {arguments.allowed}: {name}: {tests[name]}", file=sys.stderr)
    for name in sorted(allowed - tests.keys()):
        print(f"not skipped any more: {name}")
    return 1 if tests.keys() - allowed else 0


if __name__ == "__main__":
    sys.exit(main())
