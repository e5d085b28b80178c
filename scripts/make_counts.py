#!/usr/bin/env python3
"""Counts the characters and adjacent pairs of a text: scripts/make_counts.py TEXT > COUNTS.csv

The table in data/tinyshakespeare_counts.csv was made by this script from the corpus that
scripts/fetch_data.sh downloads. Line 1: the characters' code points, sorted; line 2: how often each
occurs; then one line per character with how often each character follows it.
"""
import collections
import sys


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        text = file.read()
    characters = sorted(set(text))
    unigrams = collections.Counter(text)
    pairs = collections.Counter(zip(text, text[1:]))
    rows = [[ord(a) for a in characters], [unigrams[a] for a in characters]]
    rows += [[pairs[a, b] for b in characters] for a in characters]
    for row in rows:
        print(",".join(map(str, row)))


if __name__ == "__main__":
    main()
