"""Every protection of templates against every attacker: who still reads gender, and what recognition loses.

Usage: python benchmarks/template_protection.py [--folder FOLDER] [--npz DATABASE [OTHERS]] [--matchers NAME ...]
                                                [--protections NAME ...] [--partings N] [--seed N] [--keep FOLDER]
                                                [--json FILE] [--out DIR] [--list]

Templates are made from the images of a folder, and those of the demo set, two to four images a person, serve to fit
protections on beside a third of the folder's people, and to learn from: half of the demo's people for either, since an
attacker who learns from the people that a map was fitted on learns nothing. ``--npz`` reads templates instead: arrays
``rows``, ``records``, ``subjects``, ``labels``, and ``matcher`` or the end of the file's name (``london-sface.npz``).
``--keep`` writes the templates that were made in that form, to start from next time.

People are parted three ways (docs/adr/0037-people-are-parted-three-ways.md): a map is fitted on some, the attacker
knows others, and a third part is attacked. The variants of protections stand in `VARIANTS`; every registered protection
that is not named there is run with its defaults. ``--out docs`` writes the measured part of docs/templates.md and its
picture anew.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from facepriv.audit.templates.judging import judge_protection
from facepriv.audit.templates.matching import COMPARISONS
from facepriv.audit.templates.registry import template_attackers
from facepriv.audit.templates.template_sets import take
from facepriv.datasets.demo import read_demo
from facepriv.datasets.registry import read_folder
from facepriv.errors import FaceprivError, FailureToAcquireError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.match.registry import matchers
from facepriv.protect.registry import RECOMMENDED, make_protection, protections
from facepriv.schemas.figures import Interval
from facepriv.schemas.templates import KnowledgeState, TemplateAudit
from facepriv.types import Face, Templates

MAX_PIXELS = 50_000_000
MATCHERS = ("sface", "dlib-resnet")
DEMO_IMAGES = 4
CEILING, FLOOR = 0.65, 0.005
"""What the recommended protection is asked for: at most so often right, and at most so much FNMR lost."""
STATES: tuple[KnowledgeState, ...] = ("unaware", "aware", "other-people")
START, END = "<!-- measured: made by benchmarks/template_protection.py -->\n", "<!-- end of measured -->"


@dataclass(frozen=True)
class Variant:
    """A row of the table: a protection with parameters; no protection at all by the name ``none``."""

    protection: str
    parameters: dict[str, Any] = field(default_factory=dict)
    wrong_guesses: float = 0.0


VARIANTS: dict[str, Variant] = {
    "none": Variant("none"),
    "transport": Variant("transport"),
    "transport, shrinkage .1": Variant("transport", {"shrinkage": 0.1}),
    "transport, labels 5 % wrong": Variant("transport", wrong_guesses=0.05),
    "transport, labels guessed": Variant("transport", {"enrolment": "guess"}),
    "donor-coordinate": Variant("donor-coordinate"),
    "donor-coordinate, 8 directions": Variant("donor-coordinate", {"directions": 8}),
}


def variants(wanted: Sequence[str] | None) -> dict[str, Variant]:
    """Give the rows to measure, or those of wanted protections; a name is a row's or a protection's.

    The recommended one comes right after none.
    """
    recommended = protections.resolve(RECOMMENDED)
    known = {"none": VARIANTS["none"], recommended: VARIANTS.get(recommended, Variant(recommended)), **VARIANTS}
    for name in protections.names():
        if name not in {variant.protection for variant in known.values()}:
            known[name] = Variant(name)
    if not wanted:
        return known
    resolved = {protections.resolve(name) for name in wanted}
    unknown = resolved - set(known) - {variant.protection for variant in known.values()}
    if unknown:
        sys.exit(f"There is no protection or row called {', '.join(sorted(unknown))}; --list shows all.")
    return {name: one for name, one in known.items() if name in resolved or one.protection in resolved}


# ------------------------------------------------------------------------------------------------------------ templates


def faces_of(folder: Path | None) -> Iterator[Face]:
    """Find the faces of a folder's labelled images or of the demo set; those without one face are left out."""
    images = read_demo(images_per_subject=DEMO_IMAGES).images if folder is None else read_folder(folder).images
    for image in images:
        if image.label is None:
            continue
        try:
            pixels = decode(image.path, name=image.name, max_pixels=MAX_PIXELS).pixels
            yield acquire(pixels, image_id=image.name, subject=image.subject, label=image.label)
        except FailureToAcquireError:
            continue


def templates_of(faces: Sequence[Face], name: str) -> Templates:
    """Make the templates of faces by a matcher; faces of which it makes none are left out."""
    matcher = matchers.create(name)
    rows = matcher.embed(faces)
    made = Templates(
        rows,
        np.array([face.image_id for face in faces]),
        np.array([face.subject for face in faces]),
        np.array([face.label for face in faces], dtype=np.int8),
        "cosine",
        matcher.name,
        matcher.version,
    )
    return take(made, np.isfinite(rows).all(axis=1))


def read_npz(path: Path) -> Templates:
    """Read templates that `save_npz` wrote, or that somebody made alike."""
    with np.load(path) as arrays:
        named = {name: arrays[name] for name in arrays.files}
    stems = [name for name in matchers.names() if path.stem.endswith(name)]
    matcher = str(named.get("matcher", "")) or (stems[0] if stems else "")
    metric = str(named.get("metric", "cosine"))
    if metric not in ("cosine", "euclidean"):
        sys.exit(f"{path.name} has the metric {metric}; it must be cosine or euclidean.")
    return Templates(
        named["rows"].astype(np.float32),
        named["records"].astype(np.str_),
        named["subjects"].astype(np.str_),
        named["labels"].astype(np.int8),
        metric,  # type: ignore[arg-type]
        matcher,
        str(named.get("version", "")),
    )


def save_npz(path: Path, templates: Templates) -> None:
    """Write templates as plain arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **vars(templates))


@dataclass(frozen=True)
class Sets:
    """Templates of one matcher: the database, and other people's."""

    database: Templates
    others: Templates | None


def read_sets(options: argparse.Namespace) -> dict[str, Sets]:
    """Read or make the templates, by matcher."""
    if options.npz:
        sets = {}
        for files in options.npz:
            database, *others = (read_npz(file) for file in files)
            sets[database.matcher or files[0].stem] = Sets(database, others[0] if others else None)
        return sets
    database, others = (list(faces_of(folder)) for folder in (options.folder, None))
    sets = {name: Sets(templates_of(database, name), templates_of(others, name)) for name in options.matchers}
    for name, one in sets.items():
        if options.keep is not None and one.others is not None:
            save_npz(options.keep / f"database-{name}.npz", one.database)
            save_npz(options.keep / f"demo-{name}.npz", one.others)
    return sets


# -------------------------------------------------------------------------------------------------------------- figures


def percent(value: float | None, digits: int = 0) -> str:
    """Write a fraction in percent; nothing as a dash."""
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def ends(interval: Interval) -> str:
    """Write an interval in percent."""
    if interval.low is None or interval.high is None:
        return percent(interval.value)
    return f"{percent(interval.value)} [{100 * interval.low:.0f}, {100 * interval.high:.0f}]"


Cells = list[list[str]]


def leak_table(audits: dict[str, TemplateAudit]) -> tuple[list[str], Cells]:
    """Give heads and cells of what the strongest attacker reads, and of what luck would give him."""
    heads = [
        "protection",
        "strongest attacker is right",
        "attacker",
        "knows",
        "by luck: mean",
        "95 %",
        "picked",
        "bits",
    ]
    cells = []
    for name, audit in audits.items():
        worst = audit.worst
        cells.append(
            [
                name,
                ends(worst.reversed_accuracy),
                worst.attacker,
                worst.knowledge,
                percent(audit.chance.mean),
                percent(audit.chance.high),
                percent(max(one.reversed_accuracy.value or 0.0 for one in audit.picked)),
                "-" if worst.bits.value is None else f"{worst.bits.value:.2f}",
            ]
        )
    return heads, cells


def matching_table(audits: dict[str, TemplateAudit]) -> tuple[list[str], Cells]:
    """Give heads and cells of how people are recognised: against untouched probes / among protected templates."""
    heads = ["protection", "FNMR at FMR 0.1 %, was", "against untouched", "among protected", "old threshold: FNMR"]
    heads += ["FMR", "FNMR at FMR 0.01 %", "rank 1", "linkable"]
    cells = []
    for name, audit in audits.items():
        near, far = audit.matching.errors
        linkable = audit.matching.unlinkability
        cells.append(
            [
                name,
                percent(near.untouched.value, 1),
                *(ends(near.own_fnmr[one]) for one in COMPARISONS),
                _both(near.fnmr[one].value for one in COMPARISONS),
                _both(near.fmr[one] for one in COMPARISONS),
                _both(far.own_fnmr[one].value for one in COMPARISONS) + ("" if far.supported else " (few)"),
                _both(audit.matching.rank_one[one].value for one in COMPARISONS),
                "-" if linkable is None else f"{linkable:.2f}",
            ]
        )
    return heads, cells


def _both(values: Iterable[float | None]) -> str:
    return " / ".join("-" if value is None else f"{100 * value:.1f}" for value in values)


def attack_table(audits: dict[str, TemplateAudit]) -> tuple[list[str], Cells]:
    """Give heads and cells of ``max(accuracy, 1 - accuracy)`` of every attacker: unaware / aware / other people."""
    cells = []
    for name, audit in audits.items():
        cells.append([name])
        for attacker in template_attackers.names():
            found = [audit.attack(attacker, state) for state in STATES]
            values = ["-" if one is None else f"{100 * (one.reversed_accuracy.value or 0):.0f}" for one in found]
            cells[-1].append(" / ".join(values))
    return ["protection", *template_attackers.names()], cells


TABLES = {
    "leak": leak_table,
    "recognition, in %: against untouched / among protected": matching_table,
    "every attacker, right (or wrong, if more often) in %: unaware / aware / other people": attack_table,
}


def show(audits: dict[str, dict[str, TemplateAudit]]) -> None:
    """Print the tables of every matcher."""
    for matcher, of_matcher in audits.items():
        for title, table_of in TABLES.items():
            heads, cells = table_of(of_matcher)
            table = Table(title=f"{matcher}: {title}", title_justify="left")
            for number, head in enumerate(heads):
                table.add_column(head, justify="left" if number == 0 else "right", no_wrap=number == 0)
            for one in cells:
                table.add_row(*one)
            Console(width=190).print(table)


def summary(audit: TemplateAudit) -> str:
    """Give one line of an audit."""
    worst = audit.worst
    return (
        f"{worst.attacker}, {worst.knowledge}, is right in {ends(worst.reversed_accuracy)}, luck "
        f"{percent(audit.chance.mean)}, FNMR {percent(audit.fnmr_loss, 1)} up"
    )


def markdown(audits: dict[str, dict[str, TemplateAudit]], command: str, picture: bool) -> str:
    """Write the measured part of the page."""
    lines: list[str] = []
    for matcher, of_matcher in audits.items():
        one = next(iter(of_matcher.values()))
        fitted = max(audit.fitted_on for audit in of_matcher.values())
        lines += [
            f"### `{matcher}`",
            "",
            f"{one.templates} templates of {one.people} people ({one.men} men, {one.women} women), {one.partings} "
            f"random partings; maps are fitted on {fitted:.0f} people.",
            "",
        ]
        for title, table_of in TABLES.items():
            lines += [f"{title[0].upper()}{title[1:]}:", "", *_table(*table_of(of_matcher)), ""]
    if picture:
        lines += ["![Strongest attacker against recognition lost](images/templates.png)", ""]
    lines += [f"Made by `{command}`; the same on every run.", ""]
    return "\n".join([*_EXPLANATION, *lines])


_EXPLANATION = [
    "The strongest attacker is the one of all attackers and states of knowledge who is right most often, or wrong most "
    "often, which helps as much; in brackets the 95 % interval over people. The best of many attackers is right in "
    "more than half of the cases by luck: *luck* says how often where the labels are shuffled, on average and in all "
    "but one of twenty shuffles. A figure below the second number shows no leak, but does not prove that there is "
    "none. *Picked* is the attacker who did best on his own people, so that luck has no say in it.",
    "",
    "FNMR is that at a threshold where the FMR of the same kind of comparison is at most 0.1 %: protected templates "
    "with untouched probes, and among themselves. *Old threshold* says whom a system rejects and lets in that goes on "
    "with the threshold of untouched templates. At FMR 0.01 %, *few* marks fewer comparisons than the rule of three "
    "asks for. *Rank 1* is the share of probes whose person comes first. *Linkable* is `D_sys` of Gomez-Barrero et al. "
    "(2018) between two releases with different keys: 0 unlinkable, 1 fully linkable.",
    "",
]


def _table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" + "---:|" * (len(heads) - 1)]
    return lines + ["| " + " | ".join(one) + " |" for one in cells]


def write_page(path: Path, measured: str) -> None:
    """Write the measured part between its marks, at the end of the page if there are none."""
    page = path.read_text(encoding="utf-8") if path.exists() else "# Templates\n"
    before, start, rest = page.partition(START)
    after = rest.partition(END)[2] if start else "\n"
    if not start:
        before = before.rstrip("\n") + "\n\n## Measured\n\n"
    path.write_text(before + START + measured + END + after, encoding="utf-8")


def draw(audits: dict[str, dict[str, TemplateAudit]], path: Path) -> bool:
    """Draw the strongest attacker against the FNMR lost; say whether matplotlib is there to do it."""
    try:
        import matplotlib
    except ImportError:
        print("No picture was drawn, for want of requirements-bench.txt.", file=sys.stderr)
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(audits), figsize=(6.5 * len(audits), 6), sharey=True, squeeze=False)
    marks = "osD^v<>pP*Xhd"
    names = list(dict.fromkeys(name for of_matcher in audits.values() for name in of_matcher))
    for axes, (matcher, of_matcher) in zip(panels[0], audits.items(), strict=True):
        for name, audit in of_matcher.items():
            number = names.index(name)
            leak, loss = audit.worst.reversed_accuracy, 100 * (audit.fnmr_loss or 0.0)
            style = {"marker": marks[number % len(marks)], "color": f"C{number % 10}"}
            axes.errorbar(
                loss,
                100 * (leak.value or 0.0),
                yerr=[
                    [100 * ((leak.value or 0.0) - (leak.low or 0.0))],
                    [100 * ((leak.high or 1.0) - (leak.value or 0.0))],
                ],
                label=name,
                linestyle="none",
                markersize=9,
                markeredgecolor="black",
                markeredgewidth=0.5,
                elinewidth=0.6,
                **style,
            )
        chance = [audit.chance for audit in of_matcher.values()]
        axes.axhspan(
            100 * float(np.mean([one.mean for one in chance])),
            100 * float(np.mean([one.high for one in chance])),
            color="0.9",
            label="_luck",
        )
        axes.axhline(100 * CEILING, color="0.4", linestyle=":")
        axes.axvline(100 * FLOOR, color="0.4", linestyle=":")
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlim(-0.3, 110)
        axes.set_ylim(48, 101)
        axes.set_title(matcher)
        axes.set_xlabel("FNMR lost at FMR 0.1 %, points (left is better)")
        axes.grid(alpha=0.3)
    panels[0][0].set_ylabel("strongest attacker is right, % (lower is better)")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.04 + 0.03 * ((len(names) + 3) // 4), 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
    return True


# ----------------------------------------------------------------------------------------------------------------- main


def judge(variant: Variant, sets: Sets, options: argparse.Namespace) -> TemplateAudit:
    """Judge one row on one matcher's templates."""
    made = None if variant.protection == "none" else make_protection(variant.protection, variant.parameters)
    return judge_protection(
        made,
        sets.database,
        fit_on=sets.others,
        learn_from=sets.others,
        partings=options.partings,
        wrong_guesses=variant.wrong_guesses,
        seed=options.seed,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="Folder of labelled images of people who are attacked.")
    parser.add_argument(
        "--npz",
        type=Path,
        nargs="+",
        action="append",
        metavar="FILE",
        help="Templates, and other people's; repeatable.",
    )
    parser.add_argument("--matchers", nargs="+", default=list(MATCHERS), metavar="NAME")
    parser.add_argument("--protections", nargs="+", metavar="NAME", help="Rows or protections; default: all.")
    parser.add_argument("--partings", type=int, default=3, help="Random partings that figures are averaged over.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="Write the templates that were made there.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="Write all figures.")
    parser.add_argument("--out", type=Path, metavar="DIR", help="Write templates.md and images/templates.png there.")
    parser.add_argument("--list", action="store_true", help="Print the rows and end.")
    options = parser.parse_args(arguments)
    chosen = variants(options.protections)
    if options.list:
        for name, variant in chosen.items():
            mark = " (recommended)" if protections.resolve(RECOMMENDED) == variant.protection else ""
            print(f"{name}: {variant.protection} {variant.parameters or ''}".rstrip() + mark)
        return
    if (options.folder is None) == (options.npz is None):
        parser.error("Give a folder of images, or files of templates.")
    sets = read_sets(options)
    audits: dict[str, dict[str, TemplateAudit]] = {}
    for name, variant in chosen.items():
        for matcher, one in sets.items():
            try:
                audit = judge(variant, one, options)
            except FaceprivError as error:
                print(f"{name} was left out for {matcher}: {error}", file=sys.stderr)
                continue
            audits.setdefault(matcher, {})[name] = audit
            print(f"{matcher}, {name}: {summary(audit)} ({audit.seconds:.0f} s)", file=sys.stderr, flush=True)
        # After every row, since the whole takes long.
        write(audits, options)
    show(audits)


def write(audits: dict[str, dict[str, TemplateAudit]], options: argparse.Namespace) -> None:
    """Write figures, page and picture, as far as they were asked for."""
    if options.json is not None:
        raw = {
            matcher: {name: audit.model_dump(mode="json", by_alias=True) for name, audit in of_matcher.items()}
            for matcher, of_matcher in audits.items()
        }
        options.json.write_text(json.dumps(raw, indent=1), encoding="utf-8")
    if options.out is not None and audits:
        picture = draw(audits, options.out / "images" / "templates.png")
        write_page(options.out / "templates.md", markdown(audits, _command(options), picture))


def _command(options: argparse.Namespace) -> str:
    """Give the command that writes the page, without the machine's paths."""
    source = f"--folder {options.folder.name}" if options.folder is not None else "--npz FILE OTHERS"
    chosen = f" --protections {' '.join(options.protections)}" if options.protections else ""
    return f"python benchmarks/template_protection.py {source}{chosen} --partings {options.partings} --out docs"


if __name__ == "__main__":
    main()
