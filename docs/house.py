"""Draw the house: packages of facepriv and what each imports, as a Mermaid picture in docs/architecture.md.

Usage: python docs/house.py [--check]

Reads the imports themselves (grimp, which import-linter brings). An arrow that follows from others is left out. With
--check nothing is written, and the exit code is 1 where the picture is not the present one.
"""

from __future__ import annotations

import argparse
import re
import sys
from itertools import permutations
from pathlib import Path

import grimp
import networkx

PAGE = Path(__file__).with_name("architecture.md")
START, END = "<!-- house: made by docs/house.py -->\n", "<!-- end of house -->"
LEVELS = (
    ("People", ("cli", "web")),
    ("Use cases", ("services",)),
    ("Words and numbers", ("presentation", "measures", "report", "charts")),
    (
        "The field",
        ("audit", "policy", "perturb", "protect", "classify", "match", "datasets", "metrics", "imaging", "own_models"),
    ),
    ("Ground", ("store", "weights", "schemas", "registry", "types", "config", "errors")),
)
"""Floors from above; small modules that everybody may import (``wording``, ``resources``) are left out."""


def arrows(graph: grimp.ImportGraph, rooms: list[str]) -> list[tuple[str, str]]:
    """Return which room imports which, without what follows from longer ways; raise NetworkXError on a circle."""
    direct = [
        (a, b)
        for a, b in permutations(rooms, 2)
        if graph.direct_import_exists(importer=f"facepriv.{a}", imported=f"facepriv.{b}", as_packages=True)
    ]
    return sorted(networkx.transitive_reduction(networkx.DiGraph(direct)).edges)


def picture() -> str:
    """Return the picture as Mermaid text."""
    graph = grimp.build_graph("facepriv")
    rooms = [room for _, floor in LEVELS for room in floor]
    lines = ["```mermaid", "flowchart TD", '    pages["pages/, app.py (Streamlit)"]']
    for number, (title, floor) in enumerate(LEVELS):
        lines.append(f'    subgraph floor{number}["{title}"]')
        lines += [f"        {room}" for room in floor]
        lines.append("    end")
    lines.append("    pages --> web & services & presentation")
    lines += [f"    {a} --> {b}" for a, b in arrows(graph, rooms)]
    return "\n".join([*lines, "```", ""])


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    old = PAGE.read_text(encoding="utf-8")
    new = re.sub(f"(?s){re.escape(START)}.*?{re.escape(END)}", lambda _: START + picture() + END, old)
    if given.check:
        sys.exit(f"{PAGE.name} shows an older house; run: python docs/{Path(__file__).name}" if new != old else 0)
    PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
