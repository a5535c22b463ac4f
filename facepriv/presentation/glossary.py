"""Words that pages, reports and documentation cannot do without, for readers who do not know them: the one place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

HELP_PAGE = "/help"
"""Address of the page that explains them."""


@dataclass(frozen=True)
class Term:
    """A word with its meaning."""

    word: str
    meaning: str
    forms: tuple[str, ...] = ()
    """How pages write it, besides the word itself."""
    in_tables: bool = True
    """Whether it is explained where it heads a column, which words of everyday work are not."""

    @property
    def anchor(self) -> str:
        """Name of its place on the help page."""
        return re.sub(r"[^a-z0-9]+", "-", self.word.lower()).strip("-")

    @property
    def address(self) -> str:
        """Address of its place on the help page."""
        return f"{HELP_PAGE}#{self.anchor}"


VERDICT_TERMS = (
    Term(
        "Not protected",
        "At least one attacker is right more often than the goal allows. Unless you state a goal, that is 70 times in "
        "100, where guessing is 50.",
    ),
    Term(
        "Uncertain",
        "The strongest attacker tried stays within the goal, but too few people were measured to be sure: with other "
        "people it might not.",
    ),
    Term(
        "Protected",
        "Every attacker tried stays within the goal, allowing for chance. Attackers that were not tried may do better; "
        "the verdict names them.",
    ),
    Term(
        "Protected, but at too high a cost",
        "Gender is protected, but more genuine matches are lost than the goal allows.",
    ),
    Term("Not attacked yet", "No audit has been made, so nobody knows whether gender is protected."),
    Term(
        "Strongest attacker",
        "Of all attackers tried, the one that is right most often. The verdict rests on this one alone: who wants to "
        "know somebody's gender takes the best means there is.",
    ),
    Term(
        "Guessing",
        "Being right 50 times in 100, men and women counting one half each, whatever their numbers.",
    ),
    Term(
        "Genuine matches lost",
        "How many more pairs of images of one person a matcher rejects than before, when it accepts at most 1 in 1,000 "
        "pairs of different people. The cost in a verdict is that of the worst matcher.",
    ),
    Term(
        "Not tried",
        "Attackers that no figure covers, because they need means or people that the audit did not have. They may be "
        "right more often than the strongest attacker tried.",
    ),
)
"""What the verdict says, in its order."""
FIELD_TERMS = (
    Term(
        "Attacker",
        "A program that guesses the gender of people it knows nothing of. Attackers differ in what they see, such as a "
        "classifier's answer or stored templates, and in what they have learned from.",
    ),
    Term("AUC", "How well two groups can be told apart by a number: 1 is without fail, 0.5 is guessing."),
    Term(
        "Audit",
        "A trial of every attacker on images or templates, with people it has not learned from. The verdict is its "
        "outcome.",
        in_tables=False,
    ),
    Term(
        "Bits",
        "Unit of what is learned about gender. All there is to learn is 1 bit; 0 is nothing.",
        ("Bits learned, at least", "Bits learned"),
    ),
    Term("Classifier", "A program that says whether a face is male or female."),
    Term("DET", "Figure of how many genuine pairs a matcher rejects, by how many impostors it accepts."),
    Term(
        "EER",
        "The error rate of a matcher at the setting at which it rejects as many genuine pairs as it accepts impostors.",
    ),
    Term("Failure to acquire", "An image in which no usable face was found. It is counted, never left out silently."),
    Term(
        "Fingerprint (SHA-256)",
        "A number computed from results; if anything in them changes, it changes too. A sign-off names it, so that it "
        "is clear which results were signed.",
        ("Fingerprint", "SHA-256"),
    ),
    Term("Flip", "An image of which a classifier says the other gender than before.", ("Flipped",)),
    Term("FMR", "False match rate: share of impostors that a matcher accepts."),
    Term(
        "FNMR at FMR 0.1 %",
        "Share of genuine pairs that a matcher rejects when it accepts at most 1 in 1,000 impostors. “Genuine matches "
        "lost” is how much this grows.",
        ("FNMR at FMR 1 %", "FNMR"),
    ),
    Term(
        "Frontier",
        "The best trade-offs that a study found: of each, nothing that was tried has a weaker strongest attacker "
        "without losing more genuine matches.",
    ),
    Term(
        "Gender error",
        "Share of images whose gender a classifier gets wrong. Near 100 % it protects nobody: an "
        "attacker simply reverses the answer.",
    ),
    Term("Genuine, impostor", "Two images of one person, and of two different people.", ("Genuine", "Impostor")),
    Term("Guide", "A classifier that the method was allowed to ask while it changed the images.", ("Guides",)),
    Term(
        "Interval, upper bound",
        "Figures from few people could have come out differently with others. The interval is where the true figure "
        "lies in 95 of 100 such studies; the verdict uses its upper end.",
    ),
    Term("Jury", "Classifiers that guided nothing and only judge what was done.", ("Juror",)),
    Term("Matcher", "A program that says how likely two images show the same person."),
    Term("Nats", "Unit of how sure a classifier is; 0 means that it does not know."),
    Term(
        "p, proportion",
        "Share of the images that are changed. Which ones is drawn with a secret key.",
        ("Proportion", "p"),
    ),
    Term(
        "PSNR",
        "How little an image was changed, in decibels: above some 40 a change is hard to see.",
    ),
    Term(
        "Release",
        "Images or templates written out under a policy, to be handed on. The key that says which were changed stays "
        "with you.",
        in_tables=False,
    ),
    Term(
        "Run",
        "One pass of a method over the images of a data set: it changes them, and judges the stored files.",
        in_tables=False,
    ),
    Term("SSIM", "How alike two images are in structure; 1 is identical."),
    Term(
        "Study",
        "A search over methods, strengths and proportions for a goal of two numbers: how often the strongest attacker "
        "may be right, and how many genuine matches may be lost.",
        in_tables=False,
    ),
    Term(
        "Subject",
        "A person, as the data set names them: all images of one subject show the same person.",
        ("Subjects",),
        in_tables=False,
    ),
    Term("Template", "What a matcher stores of a face: a row of numbers by which the person is recognised again."),
)
"""The others, in the order of the alphabet."""
TERMS = (*VERDICT_TERMS, *FIELD_TERMS)
GLOSSARY = {term.word: term.meaning for term in TERMS}
"""Meanings by word, those of the verdict first."""
_BY_FORM = {form.lower(): term for term in TERMS for form in (term.word, *term.forms)}
_PHRASES = re.compile("strongest attacker|guessing|genuine matches lost|not tried", re.IGNORECASE)
"""Terms inside the sentences of a verdict."""


def term_for(word: str) -> Term:
    """Return the term of a word or one of its forms; raise KeyError if there is none."""
    return _BY_FORM[word.lower()]


def find_term(heading: str) -> Term | None:
    """Return the term that heads a column, up to a comma or a bracket; None if there is none to be explained there."""
    text = heading.strip().lower()
    term = _BY_FORM.get(text) or _BY_FORM.get(re.split(r"[,(]", text)[0].strip())
    return term if term is not None and term.in_tables else None


def link(term: Term, html: str) -> str:
    """Return HTML that leads to a term on the help page, in a tab of its own."""
    return f'<a class="term" href="{term.address}" target="_blank" title="{escape(term.meaning)}">{html}</a>'


def with_links(text: str) -> str:
    """Return a verdict's text as HTML in which each word of a verdict leads to its meaning, where it stands first."""
    linked: set[str] = set()
    parts, end = [], 0
    for found in _PHRASES.finditer(text):
        term = _BY_FORM[found[0].lower()]
        parts += [
            escape(text[end : found.start()]),
            escape(found[0]) if term.word in linked else link(term, escape(found[0])),
        ]
        linked.add(term.word)
        end = found.end()
    return "".join([*parts, escape(text[end:])])


def to_markdown() -> str:
    """Return the glossary as the page docs/glossary.md, lines of at most 120 characters."""
    from textwrap import wrap

    def part(title: str, terms: tuple[Term, ...]) -> str:
        entries = ("\n  ".join(wrap(f"- **{term.word}**: {term.meaning}", 118)) for term in terms)
        return "\n".join([f"## {title}", "", *entries, ""])

    lead = (
        "<!-- made by: python -m facepriv.presentation.glossary docs/glossary.md -->\n"
        "# Glossary\n\nThe words of pages, reports and commands. The page *Help* of the dashboard has them, too.\n"
    )
    return "\n".join([lead, part("What the verdict says", VERDICT_TERMS), part("Other words", FIELD_TERMS)])


if __name__ == "__main__":
    import sys

    Path(sys.argv[1]).write_text(to_markdown(), encoding="utf-8")
