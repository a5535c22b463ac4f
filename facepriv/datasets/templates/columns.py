"""Which column of a table holds what, by its usual names or by those that were stated."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from facepriv.datasets.templates.table import ID_ROLES, LEAST_WIDTH, TableOptions, TemplateRole, no_column
from facepriv.errors import BadInputError
from facepriv.wording import listed, some

USUAL_NAMES: dict[TemplateRole, tuple[str, ...]] = {
    "template": (
        *("template", "templates", "embedding", "embeddings", "feature", "features", "vector", "vectors"),
        *("descriptor", "descriptors", "encoding", "encodings", "rows", "emb", "x", "arr_0", "data"),
    ),
    "record": (
        *("record", "records", "record_id", "record_ids", "file", "files", "filename", "filenames", "file_name"),
        *("image", "images", "image_id", "image_ids", "path", "paths", "key", "keys", "id", "ids", "name", "names"),
    ),
    "subject": (
        *("subject", "subjects", "subject_id", "subject_ids", "identity", "identities", "person", "persons"),
        *("person_id", "person_ids", "people", "individual", "individuals"),
    ),
    "gender": ("gender", "genders", "sex", "label", "labels"),
}
"""Names of columns and arrays by role, best first; case, spaces and hyphens do not matter."""
_NUMBERED = re.compile(r"(.*?)(\d{1,6})")


def find_columns(names: Sequence[str], options: TableOptions) -> dict[TemplateRole, str]:
    """Return the column of record, subject and gender, as far as there is one.

    Raises BadInputError with code ``missing-columns`` if a stated one is not there, ``duplicate-column`` if a column
    that was found is there twice.
    """
    found: dict[TemplateRole, str] = {}
    for role in ID_ROLES:
        name = find_column(role, names, options, taken=found.values())
        if name is not None:
            found[role] = name
    plain = [_plain(name) for name in names]
    for name in found.values():
        if plain.count(_plain(name)) > 1:
            raise BadInputError(
                f"{options.name} has the column {name!r} more than once; keep the one that counts.",
                code="duplicate-column",
            )
    return found


def find_column(
    role: TemplateRole, names: Sequence[str], options: TableOptions, *, taken: Collection[str] = ()
) -> str | None:
    """Return the column of one role, None where there is none; raises as `find_columns`."""
    by_name: dict[str, str] = {}
    for name in names:
        by_name.setdefault(_plain(name), name)
    if role in options.columns:
        stated = by_name.get(_plain(options.columns[role]))
        if stated is None:
            raise no_column(options, role, names)
        return stated
    reserved = {_plain(column) for column in options.columns.values()} | {_plain(name) for name in taken}
    usual = (name for name in USUAL_NAMES[role] if name in by_name and name not in reserved)
    return next((by_name[name] for name in usual), None)


def find_dimensions(names: Sequence[str], options: TableOptions, taken: Sequence[str]) -> list[str]:
    """Return the columns that hold one dimension each, in their order: ``e0``, ``e1``, ... or ``dim_1``, ``dim_2``.

    Empty where there are none. Of several such groups the widest counts, unless the beginning of their names is stated.

    Raises BadInputError with code ``ambiguous-columns`` if two groups are equally wide, ``missing-columns`` if there is
    no group of the stated beginning.
    """
    groups: dict[str, dict[int, str]] = {}
    for name in names:
        numbered = _NUMBERED.fullmatch(name.strip())
        if numbered and name not in taken:
            groups.setdefault(numbered[1], {}).setdefault(int(numbered[2]), name)
    whole = {
        prefix: [group[number] for number in sorted(group)]
        for prefix, group in groups.items()
        if len(group) >= LEAST_WIDTH and min(group) in (0, 1) and max(group) - min(group) == len(group) - 1
    }
    stated = options.columns.get("template")
    if stated is not None:
        chosen = next((group for prefix, group in whole.items() if _plain(prefix) == _plain(stated)), None)
        if chosen is None:
            raise no_column(options, "template", names)
        return chosen
    widest = [prefix for prefix in whole if len(whole[prefix]) == max(map(len, whole.values()))]
    if len(widest) > 1:
        raise BadInputError(
            f"{options.name} has several groups of numbered columns, {some(listed_groups(whole, widest), 4)}; say "
            f"which are the templates, as in --template-column {widest[0]}.",
            code="ambiguous-columns",
        )
    return whole[widest[0]] if widest else []


def listed_groups(groups: Mapping[str, Sequence[str]], prefixes: Sequence[str]) -> list[str]:
    """Return groups of columns as people write them."""
    return [f"{groups[prefix][0]} to {groups[prefix][-1]}" for prefix in prefixes]


def columns_found(columns: Mapping[TemplateRole, str]) -> str:
    """Say in one clause which column holds what."""
    return listed([f"{role} in {column}" for role, column in columns.items()])


def _plain(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_").rstrip("_")
