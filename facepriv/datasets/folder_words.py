"""What a folder's name says when it names no person: wrapper, split, expression, gender, race, age.

A name that could be a person's (Black, Donna, Nam) sorts only among its like: where all folders beside it sort in the
same way, or the word for the other gender of its language is there too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from facepriv.datasets.files import name_stem
from facepriv.datasets.gender_words import GENDER_FOLDERS, canonical
from facepriv.datasets.languages import LETTER_PAIRS, WORD_LANGUAGES, WORDS, fold_word, says_nothing
from facepriv.schemas.base import Meaning
from facepriv.types import FEMALE, GENDERS, MALE

WRAPPERS = frozenset(
    [
        "images",
        "image",
        "imgs",
        "img",
        "photos",
        "photo",
        "pictures",
        "picture",
        "pics",
        "pic",
        "faces",
        "face",
        "data",
        "dataset",
        "datasets",
        "original",
        "originals",
        "raw",
        "jpg",
        "jpeg",
        "png",
        "aligned",
        "cropped",
        "crop",
        "crops",
        "full",
        "all",
        "input",
        "output",
        "samples",
        "sample",
        "upload",
        "uploads",
        "files",
        "bilder",
        "bild",
        "fotos",
        "foto",
        "gesichter",
        "imágenes",
        "imagenes",
        "rostros",
        "caras",
        "visages",
        "volti",
        "immagini",
        "rostos",
        "imagens",
        "лица",
        "фото",
        "изображения",
        "画像",
        "写真",
        "顔",
        "图片",
        "图像",
        "照片",
        "人脸",
        "사진",
        "얼굴",
        "yüzler",
        "fotoğraflar",
        "gezichten",
        "twarze",
        "zdjęcia",
    ]
)
"""Names that say that images are inside."""
SPLITS = frozenset(
    [
        "train",
        "training",
        "trainset",
        "test",
        "testing",
        "testset",
        "val",
        "valid",
        "validation",
        "dev",
        "development",
        "eval",
        "evaluation",
        "probe",
        "gallery",
        "holdout",
        "unseen",
        "query",
    ]
)
_CONDITIONS = frozenset(
    [
        "neutral",
        "smile",
        "smiling",
        "happy",
        "happiness",
        "sad",
        "sadness",
        "angry",
        "anger",
        "fear",
        "fearful",
        "disgust",
        "disgusted",
        "surprise",
        "surprised",
        "contempt",
        "calm",
        "front",
        "frontal",
        "left",
        "right",
        "profile",
        "side",
        "up",
        "down",
        "glasses",
        "noglasses",
        "mask",
        "masked",
        "nomask",
        "unmasked",
        "indoor",
        "outdoor",
        "real",
        "fake",
    ]
)
_RACES = frozenset(
    [
        "asian",
        "black",
        "white",
        "indian",
        "latino",
        "latina",
        "hispanic",
        "caucasian",
        "african",
        "european",
        "arab",
        "oriental",
        "mongoloid",
        "negroid",
        "caucasoid",
        "brown",
        "mixed",
        "multiracial",
        "asians",
        "blacks",
        "whites",
        "indians",
        "latinos",
        "hispanics",
        "caucasians",
        "africans",
        "race_asian",
        "race_black",
        "race_white",
    ]
)
_RACE_PHRASES = frozenset(
    [
        "east asian",
        "south asian",
        "southeast asian",
        "west asian",
        "middle eastern",
        "african american",
        "latino hispanic",
        "native american",
        "pacific islander",
        "sub saharan",
        "south indian",
    ]
)
_AGES = frozenset(
    [
        "child",
        "children",
        "kid",
        "kids",
        "teen",
        "teens",
        "teenager",
        "teenagers",
        "baby",
        "babies",
        "toddler",
        "toddlers",
        "infant",
        "infants",
        "adult",
        "adults",
        "young",
        "youth",
        "old",
        "older",
        "elderly",
        "senior",
        "seniors",
        "aged",
        "middle",
        "middleaged",
        "minor",
        "minors",
        "kinder",
        "erwachsene",
        "niños",
        "adultos",
        "enfants",
        "adultes",
    ]
)
_AGE = re.compile(
    r"(?:age[_ -]?)?\d{1,3}\s?(?:-|_|to)\s?\d{1,3}|(?:age|aged|age_group)[_ -]?\d{1,3}|\d{1,2}0s|\d{1,3}\+"
)
_PARTS = re.compile(r"[\s_\-.()\[\]&,']+")
_BAND = re.compile(r"(?<!\d)\d{1,3}\s?-\s?\d{1,3}(?!\d)|(?<!\d)\d{1,2}0s\b|(?<!\d)\d{1,3}\+")
_NOISE = WRAPPERS | frozenset(
    [
        "only",
        "class",
        "classes",
        "category",
        "label",
        "labels",
        "gender",
        "genders",
        "sex",
        "people",
        "persons",
        "person",
        "folder",
        "group",
        "groups",
        "celebs",
        "celebrities",
        "the",
        "of",
        "and",
        "s",
        "my",
        "our",
        "eyes",
    ]
)
Kind = str
"""``wrapper``, ``split``, ``condition``, ``gender``, ``race``, ``age`` or ``bucket``."""


@dataclass(frozen=True)
class FolderName:
    """What one folder's name says by itself."""

    kinds: frozenset[Kind]
    """Empty where a part of the name is none of the words."""
    label: int | None = None
    languages: frozenset[str] = frozenset()
    """Languages in which it is a word for a gender."""
    attribute: str = ""
    """The race or age, as it is written."""
    numbered: bool = False
    """Whether a number follows, so that the folder may be one person's: ``female_012``."""
    band: str = ""
    """A band of ages within the name."""

    @property
    def attributes(self) -> dict[str, str]:
        """Return race and age group as the name writes them."""
        told = {}
        if "race" in self.kinds and self.attribute:
            told["race"] = self.attribute
        if "age" in self.kinds and (self.band or "race" not in self.kinds):
            told["age_group"] = self.band or self.attribute
        return {key: value for key, value in told.items() if value}


@lru_cache(maxsize=1 << 16)
def read_name(name: str) -> FolderName:
    """Read one folder's name."""
    folded = fold_word(name)
    band = _BAND.search(folded)
    told = folded if band is None else f"{folded[: band.start()]} {folded[band.end() :]}"
    spaced = " ".join(_PARTS.split(told)).strip()
    as_written = dict(zip(spaced.split(), " ".join(_PARTS.split(name)).split(), strict=False))
    if _AGE.fullmatch(folded):
        return FolderName(frozenset(["age"]), attribute=name)
    if spaced in _RACE_PHRASES:
        return FolderName(frozenset(["race"]), attribute=name)
    if spaced in WORDS and len(spaced) > 1:
        return FolderName(frozenset(["gender"]), WORDS[spaced], WORD_LANGUAGES[spaced])
    if len(spaced) == 1 and spaced in WORDS:
        return FolderName(frozenset(["gender"]), WORDS[spaced], WORD_LANGUAGES[spaced])
    kinds: set[Kind] = set()
    labels: set[int] = set()
    languages: frozenset[str] | None = None
    attributes: list[str] = []
    numbered = False
    if band is not None:
        kinds.add("age")
    for token in spaced.split():
        kind = _kind_of_token(token)
        if token.isdecimal():
            numbered = True
        elif token in WORDS and len(token) > 1:
            labels.add(WORDS[token])
            spoken = WORD_LANGUAGES[token]
            languages = spoken if languages is None else languages & spoken
            kinds.add("gender")
        elif kind is None:
            return FolderName(frozenset())
        else:
            kinds.add(kind)
            if kind in ("race", "age"):
                attributes.append(as_written.get(token, token))
    if len(labels) > 1:
        return FolderName(frozenset())
    label = next(iter(labels), None)
    if numbered:
        return FolderName(frozenset(), label, languages or frozenset(), numbered=True)
    attribute = " ".join(attributes) if {"race", "age"} & kinds else ""
    return FolderName(
        frozenset(kinds), label, languages or frozenset(), attribute, band="" if band is None else band[0].strip()
    )


def _kind_of_token(token: str) -> Kind | None:
    for kind, words in (
        ("split", SPLITS),
        ("condition", _CONDITIONS),
        ("race", _RACES),
        ("age", _AGES),
        ("wrapper", _NOISE),
    ):
        if token in words:
            return kind
    return "age" if _AGE.fullmatch(token) else None


@dataclass(frozen=True)
class Sorting:
    """What the folders of a data set say besides who is on its images."""

    labels: Mapping[str, int | None] = field(default_factory=dict)
    """Label by file name, of those in folders for a gender."""
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Race and age group by file name, as the folders write them."""
    naming: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The folders of each file that may name somebody."""
    sorted_by: tuple[Kind, ...] = ()
    """How folders sort."""
    letters: str = ""
    """Language of single letters that were read as genders."""
    by_prefix: bool = False
    """Whether all file names are words that sort, with a number: ``male_001``."""


_PREFIXED = re.compile(r"(.*?[^\W\d_])[\s_\-(]*\d+\)?")


def sort_folders(names: Sequence[str], mapping: Mapping[str, Meaning] | None = None) -> Sorting:
    """Tell folders that sort from folders that may name people; a mapping may say what folders mean, as of values."""
    children: dict[str, set[str]] = {}
    parts_of = {name: name.split("/")[:-1] for name in names}
    for parts in parts_of.values():
        for depth, part in enumerate(parts):
            children.setdefault("/".join(parts[:depth]), set()).add(part)
    spoken = _spoken(children.values())
    letters, letter_language = _letters(children.values())
    declared = {canonical(value): meaning for value, meaning in (mapping or {}).items()}
    sorting_of = {above: _sorting(inside, spoken, letters, declared) for above, inside in children.items()}
    labels: dict[str, int | None] = {}
    attributes: dict[str, dict[str, str]] = {}
    naming: dict[str, tuple[str, ...]] = {}
    used: set[Kind] = set()
    for name, parts in parts_of.items():
        found: set[int] = set()
        kept: list[str] = []
        for depth, part in enumerate(parts):
            said = sorting_of["/".join(parts[:depth])].get(part)
            if said is None:
                kept.append(part)
                continue
            if said.label is not None:
                found.add(said.label)
            if said.numbered:
                kept.append(part)
            used |= said.kinds
            if said.attributes:
                attributes.setdefault(name, {}).update(said.attributes)
        labels[name] = found.pop() if len(found) == 1 else None
        naming[name] = tuple(kept)
    sorting = Sorting(labels, attributes, naming, tuple(sorted(used - {"wrapper"})), letter_language)
    return _sort_prefixes(sorting, names, spoken)


def _sort_prefixes(sorting: Sorting, names: Sequence[str], spoken: set[str]) -> Sorting:
    """Read file names that are only a word that sorts and a number, as ``male_001`` and ``f (3)``."""
    prefixes: dict[str, str] = {}
    for name in names:
        match = _PREFIXED.fullmatch(name_stem(name).strip())
        if match is None:
            return sorting
        prefixes[name] = match[1]
    inside = set(prefixes.values())
    letters, language = _letters([inside])
    if "m" not in letters:
        letters, language = {}, ""  # other letters before a number are as likely somebody's initials
    said = _sorting(inside, spoken | _spoken([inside]), letters, {})
    if said.keys() != inside or not any(each.kinds - {"wrapper"} for each in said.values()):
        return sorting
    labels = dict(sorting.labels)
    attributes = {name: dict(told) for name, told in sorting.attributes.items()}
    for name, prefix in prefixes.items():
        if labels.get(name) is None:
            labels[name] = said[prefix].label
        if said[prefix].attributes:
            attributes[name] = {**said[prefix].attributes, **attributes.get(name, {})}
    kinds = {kind for each in said.values() for kind in each.kinds} | set(sorting.sorted_by)
    return replace(
        sorting,
        labels=labels,
        attributes=attributes,
        sorted_by=tuple(sorted(kinds - {"wrapper"})),
        letters=sorting.letters or language,
        by_prefix=True,
    )


def _spoken(levels: Iterable[set[str]]) -> set[str]:
    """Return the languages of which words for both genders are there."""
    labels_of: dict[str, set[int]] = {}
    for inside in levels:
        for part in inside:
            said = read_name(part)
            if said.label is not None:
                for language in said.languages:
                    labels_of.setdefault(language, set()).add(said.label)
    return {language for language, labels in labels_of.items() if len(labels) == 2}


def _letters(levels: Iterable[set[str]]) -> tuple[dict[str, int], str]:
    """Return the labels of folders called by one letter, where all of a level are both letters of one pair."""
    pairs: set[tuple[str, str]] = set()
    language = ""
    for inside in levels:
        folded = {plain for part in inside if not _says_unknown(plain := fold_word(part))}
        if len(folded) == 2 and all(len(part) == 1 for part in folded):
            fitting = [pair for pair in LETTER_PAIRS if {pair.male, pair.female} == folded]
            found = {(pair.male, pair.female) for pair in fitting}
            if len(found) == 1:
                pairs |= found
                language = fitting[0].language
    if len(pairs) != 1:
        return {}, ""
    ((male, female),) = pairs
    return {male: MALE, female: FEMALE}, language


def _says_unknown(plain: str) -> bool:
    return says_nothing(plain) or plain in ("u", "x")


def _sorting(
    inside: set[str], spoken: set[str], letters: Mapping[str, int], declared: Mapping[str, Meaning]
) -> dict[str, FolderName]:
    """Return what the folders of one level say, those that may name somebody left out."""
    said = {part: read_name(part) for part in inside}
    sorting: dict[str, FolderName] = {}
    whole = bool(inside) and all(each.kinds for each in said.values())
    folded = {plain for part in inside if not _says_unknown(plain := fold_word(part))}
    numbered = [each.label for each in said.values() if each.numbered and each.label is not None]
    if len(numbered) == len(said) == len(set(numbered)) == 2:
        # One folder a gender: the number counts classes, not people.
        said = {part: replace(each, kinds=frozenset(["gender"]), numbered=False) for part, each in said.items()}
    # All others of the level are words for genders.
    genders = bool(folded) and all(
        each.label is not None or _says_unknown(fold_word(part)) for part, each in said.items()
    )
    for part, each in said.items():
        plain = fold_word(part)
        if canonical(part) in declared:
            meaning = declared[canonical(part)]
            sorting[part] = FolderName(frozenset(["gender"]), GENDERS.get(meaning) if meaning != "unknown" else None)
        elif letters and folded <= letters.keys() and (plain in letters or _says_unknown(plain)):
            sorting[part] = FolderName(frozenset(["gender"]), letters.get(plain))
        elif genders and _says_unknown(plain):
            sorting[part] = FolderName(frozenset(["gender"]))
        elif each.label is not None and (plain in GENDER_FOLDERS or each.languages & spoken):
            # Words for both genders are there, or one that is nobody's name.
            if each.kinds or each.numbered:
                sorting[part] = each
        elif (each.kinds and each.kinds <= {"wrapper", "split", "condition"}) or (
            whole and len(inside) > 1 and each.kinds and "gender" not in each.kinds
        ):
            sorting[part] = each
    return sorting
