"""Genders in the cells of a label table, and in the names of folders.

Words of many languages are understood in any case (`facepriv.datasets.languages`). Bare numbers are not, since data
sets contradict each other there: 1 is male in CelebA and female in UTKFace. Nor is a letter by itself, since M is
*male* and *mujer* (woman), and F *female* and *férfi* (man): the letters of a column are read together, and only as one
pair of one language. A mapping says which is which where neither decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from facepriv.datasets.languages import (
    LETTER_PAIRS,
    LETTERS,
    WORD_LANGUAGES,
    LetterPair,
    fold_word,
    label_of_word,
    says_nothing,
)
from facepriv.errors import BadInputError
from facepriv.schemas.base import Meaning
from facepriv.types import FEMALE, GENDER_NAMES, GENDERS, MALE

GENDER_FOLDERS: dict[str, int] = {
    **dict.fromkeys(("male", "males", "man", "men"), MALE),
    **dict.fromkeys(("female", "females", "woman", "women"), FEMALE),
}
"""Label by English word in a path, in lower case."""
_UNKNOWN: Literal["unknown"] = "unknown"
Undecided = Literal["number", "word", "letter"]


def parse_mapping(text: str) -> dict[str, Meaning]:
    """Read a mapping such as ``0=male,1=female,-1=unknown``.

    Raises BadInputError with code ``bad-mapping`` if it is none.
    """
    mapping: dict[str, Meaning] = {}
    for pair in text.split(","):
        value, equals, word = (text.strip() for text in pair.partition("="))
        meaning = parse_meaning(word)
        if not equals or not value or meaning is None:
            raise BadInputError(
                f"A mapping reads like 0=male,1=female,-1=unknown, but {pair.strip()!r} came.", code="bad-mapping"
            )
        if mapping.setdefault(canonical(value), meaning) != meaning:
            raise BadInputError(f"The mapping gives {value!r} two meanings; give it one.", code="bad-mapping")
    return mapping


def parse_meaning(word: str) -> Meaning | None:
    """Return what the right side of a mapping says: a gender in any of the languages, m, f, or that it is unknown."""
    folded = fold_word(word)
    if folded in ("m", "f"):
        return "male" if folded == "m" else "female"
    label = label_of_word(folded)
    if label is not None:
        return GENDER_NAMES[label]
    return _UNKNOWN if folded and says_nothing(folded) else None


def parse_gender(value: str, mapping: Mapping[str, Meaning] | None = None) -> int | Literal["number", "word"] | None:
    """Return +1 for male, -1 for female, None for unknown, of one cell where m and f are known to be English.

    ``"number"`` stands for a number without a declared meaning, ``"word"`` for anything else. The cells of a table of
    unknown origin are read together, by `read_genders`.
    """
    plain = canonical(value)
    declared = {canonical(k): v for k, v in (mapping or {}).items()}
    if plain in declared:
        return _label(declared[plain])
    if plain in ("m", "f"):
        return MALE if plain == "m" else FEMALE
    label = label_of_word(plain)
    if label is not None or says_nothing(plain) or plain == "u":
        return label
    return "number" if _is_number(plain) else "word"


@dataclass(frozen=True)
class GenderColumn:
    """What the values of one column mean, as far as they are read as genders."""

    labels: Mapping[str, int | None]
    """Label by value as `canonical` gives it: +1, -1, or None where it says that nothing is known."""
    undecided: Mapping[str, Undecided]
    """Other values: a bare number, a letter that fits no one pair, or a word that is no gender here."""
    letters: tuple[LetterPair, ...] = ()
    """The pairs by which letters were read; they agree."""
    spelled: Mapping[str, str] = field(default_factory=dict)
    """A value as it is written, by value."""

    def label(self, cell: str) -> int | None:
        """Return the label of a cell; None where it has none, or none that is known."""
        known = self._by_cell.get(cell, False)
        if known is False:
            known = self._by_cell[cell] = self.labels.get(canonical(cell))
        return known

    @cached_property
    def _by_cell(self) -> dict[str, int | Literal[False] | None]:
        return {}

    def of_kind(self, kind: Undecided) -> list[str]:
        """Return the values that stay undecided for one reason, as they are written."""
        return [self.spelled.get(value, value) for value, why in self.undecided.items() if why == kind]

    @property
    def languages(self) -> str:
        """Name the languages that letters were read by, in words."""
        names = list(dict.fromkeys(pair.language for pair in self.letters))
        return names[0] if len(names) == 1 else " or ".join(names[:3])


def read_genders(values: Iterable[str], mapping: Mapping[str, Meaning] | None = None) -> GenderColumn:
    """Read all the values of a column together; letters count only if all of them are one pair of one language.

    A single letter in the whole column counts if it means the same in every language that is common on the web and
    writes it: ``w`` does, ``m`` does not. Where words stand beside letters, only their languages count.
    """
    declared = {canonical(k): v for k, v in (mapping or {}).items()}
    labels: dict[str, int | None] = {}
    undecided: dict[str, Undecided] = {}
    spelled: dict[str, str] = {}
    letters: list[str] = []
    languages: frozenset[str] | None = None
    for value in values:
        plain = canonical(value)
        if plain in spelled:
            continue
        spelled[plain] = value.strip()
        if plain in declared:
            labels[plain] = _label(declared[plain])
        elif plain in LETTERS or plain == "u":
            letters.append(plain)
        elif (label := label_of_word(plain)) is not None:
            labels[plain] = label
            spoken = WORD_LANGUAGES[fold_word(plain).strip(".")]
            languages = spoken if languages is None else languages & spoken
        elif says_nothing(plain):
            labels[plain] = None
        else:
            undecided[plain] = "number" if _is_number(plain) else "word"
    pairs = _fitting_pairs(letters, languages)
    for letter in letters:
        meanings = {MALE if letter == pair.male else FEMALE for pair in pairs if letter in (pair.male, pair.female)}
        if len(meanings) == 1:
            labels[letter] = meanings.pop()
        elif letter == "u" or (letter == "d" and pairs):
            labels[letter] = None  # "unknown"; "divers" beside the German m and w
        else:
            undecided[letter] = "letter"
    order = {value: place for place, value in enumerate(spelled)}
    kept = dict(sorted(undecided.items(), key=lambda item: order[item[0]]))
    return GenderColumn(labels, kept, pairs, spelled)


def _fitting_pairs(letters: list[str], languages: frozenset[str] | None) -> tuple[LetterPair, ...]:
    """Return the pairs that all letters of a column belong to, if they agree; u and d may stand beside them."""
    whole = set(letters)
    for told in (whole, whole - {"u"}, whole - {"u", "d"}):
        fitting = [pair for pair in LETTER_PAIRS if told and told <= {pair.male, pair.female}]
        if languages:
            fitting = [pair for pair in fitting if pair.language in languages] or fitting
        if len(told) == 1:
            if told in ({"u"}, {"d"}):
                continue
            fitting = [pair for pair in fitting if pair.common or languages]
        meanings = {(letter, letter == pair.male) for pair in fitting for letter in told}
        if fitting:
            return tuple(fitting) if len(meanings) == len(told) else ()
    return ()


def _label(meaning: Meaning) -> int | None:
    return None if meaning == "unknown" else GENDERS[meaning]


def canonical(value: str) -> str:
    """Return a value so that its spellings are equal: case, spaces, ``1`` and ``1.0`` and ``+1``."""
    plain = fold_word(value)
    if _is_number(plain):
        number = float(plain)
        return str(int(number)) if number.is_integer() else str(number)
    return plain


def _is_number(plain: str) -> bool:
    try:
        return float(plain) - float(plain) == 0  # neither nan nor infinite, which are words
    except ValueError:
        return False
