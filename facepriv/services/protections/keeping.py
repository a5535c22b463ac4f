"""Protected templates kept as a template set of their own, so that it can be attacked again, compared and exported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from facepriv.errors import BadInputError
from facepriv.policy.selection import new_key
from facepriv.protect.base import Protection
from facepriv.protect.registry import describe_variant
from facepriv.services.protections.documents import protection_document
from facepriv.services.protections.release import fit_for_release, key_content, protect_templates
from facepriv.services.releases.key_file import key_json, write_new_key_file
from facepriv.services.templates.sets import save_template_set
from facepriv.store import Store, TemplateSetRecord
from facepriv.store.records import NewTemplateSet
from facepriv.types import Actor

READER = "protected"
"""In place of the format that a set was read from."""


@dataclass(frozen=True)
class KeptSet:
    """A protected set that was kept, and the content of its key file; None where the protection needs no key."""

    record: TemplateSetRecord
    key: bytes | None


def keep_protected(
    store: Store, number: int, name: str, *, actor: Actor, key: bytes | None = None, key_file: Path | None = None
) -> KeptSet:
    """Protect all templates of a complete trial's set, and keep them as a template set with the same people and labels.

    The new set says from which trial and set it comes, takes over that one's terms of use, data sheet and last day, and
    is deleted with it. Its matcher is named with the protection, so that nobody takes its templates for the matcher's.

    Parameters
    ----------
    actor
        Who asked, for the access log.
    key
        An earlier release's key, so that its people keep their draws; by default a new one. facepriv does not store it.
    key_file
        Where the key goes, a new file with mode 0600; by default nowhere but into the result.

    Raises
    ------
    BadInputError
        If the trial is not complete (``protection-not-complete``), templates under the protection need a comparison of
        their own, which template sets do not have (``own-comparison``), the key file cannot be written
        (``cannot-write``), a label is missing that the protection needs (``no-label``), or the name cannot be used
        (``bad-name``, ``name-taken``).
    """
    spec = protection_document(store, number).spec
    store.template_sets.check_name(name)
    origin = store.template_sets.get(spec.templates.id)
    templates = store.template_sets.read(origin.id)
    fitted = fit_for_release(store, spec)
    if type(fitted.protection).compare is not Protection.compare:
        raise BadInputError(
            "A protection whose templates are compared as the matcher compares them was expected, but "
            f"{fitted.card.name} needs a comparison of its own; release its templates instead.",
            code="own-comparison",
        )
    secret = (new_key() if key is None else key) if fitted.card.keyed else None
    content = None if secret is None else key_content(secret, spec)
    variant = describe_variant(spec.tried[0].name, spec.tried[0].parameters)
    rows = protect_templates(fitted, templates, secret)
    matcher = f"{templates.matcher} protected by {variant} of protection {number}".strip()
    new = NewTemplateSet(
        name=name,
        source=f"protection {number} of {origin.name}",
        reader=READER,
        reader_reason=f"Protected by {variant} (protection {number}) from the template set {origin.name}, and "
        "deleted with it.",
        dataset_id=origin.dataset_id,
        origin_id=origin.id,
        retain_until=origin.retain_until,
        terms=origin.terms,
        datasheet=origin.datasheet,
    )
    if content is not None and key_file is not None:
        write_new_key_file(key_file, content)
    try:
        kept = replace(templates, rows=rows, matcher=matcher)
        record = save_template_set(store, new, kept, actor=actor, action="templates-kept")
    except BaseException:
        if content is not None and key_file is not None:
            key_file.unlink(missing_ok=True)
        raise
    return KeptSet(record, None if content is None else key_json(content).encode())
