"""Sections of the report on a protection of templates, for a privacy officer, made from a stored trial.

Terms are those of ISO/IEC 24745 (protection of biometric information: irreversible, unlinkable, renewable) and of
ISO/IEC 30136 (testing of protected templates: accuracy, leakage). Nothing in them names a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import get_args

from facepriv.audit.templates.registry import template_attackers
from facepriv.charts.templates import leak_against_loss
from facepriv.presentation.formats import NOTHING
from facepriv.presentation.protection_findings import FMR, NOT_COVERED, new_threshold
from facepriv.presentation.protection_tables import FEW, LABEL_AT_ENROLMENT, attack_rows, outcome_rows, within
from facepriv.protect.base import ProtectionCard
from facepriv.report.document import Block, Bullets, Figure, Row, Section, Table, Text
from facepriv.schemas.figures import Interval
from facepriv.schemas.protections import ProtectionDocument, ProtectionResult
from facepriv.schemas.templates import (
    KNOWLEDGE_TITLES,
    Comparison,
    ErrorsAt,
    KnowledgeState,
    TemplateAttack,
    TemplateAudit,
)
from facepriv.wording import count, listed, match_rate, percent

STANDARDS = (
    "The terms are those of ISO/IEC 24745 and ISO/IEC 30136. This report applies them to what was measured here; it is "
    "no certificate of conformity."
)
IRREVERSIBLE = {
    "yes": "Stolen templates: nobody can compute the original ones.",
    "partly": "Stolen templates: what was taken out cannot be restored. The rest still identifies a person, and a face "
    "may be reconstructed from it.",
    "no": "Stolen templates: the original ones can be computed from them; the next section says by whom.",
}
UNLINKABLE = {
    "yes": "Two releases side by side: nobody can tell which templates are of one person.",
    "partly": "Two releases side by side: it can be told to some degree which templates are of one person, even if the "
    "keys differ.",
    "no": "Two releases side by side: it can be told which templates are of one person.",
}
RENEWABLE = {
    "yes": "Replacing stolen templates: a new key makes them useless.",
    "partly": "Replacing stolen templates: a new key gives everybody a new template, but a stolen one may still be "
    "accepted.",
    "no": "Replacing stolen templates: not possible for everybody; a stolen one may stay valid.",
}
"""How far each requirement is met, in plain words."""
NOT_TRIED = "not tried"
_NOT_COVERED_TITLE = "What this does not cover"
_BY_ANALYSIS = "not measured; follows from how the protection works"
_COLUMNS: dict[Comparison, str] = {
    "against-untouched": "Protected against untouched",
    "among-protected": "Protected against protected",
}


def protection_figures(result: ProtectionResult) -> dict[str, str]:
    """Return the few figures of a trial to read first."""
    linkable = result.chosen.matching.unlinkability
    return {
        "Strongest attacker right, before": percent(result.untouched.worst.reversed_accuracy.value),
        "Strongest attacker right, after": percent(result.chosen.worst.reversed_accuracy.value),
        "Genuine comparisons lost more": match_rate(result.chosen.fnmr_loss),
        "Linkable across keys (0 to 1)": NOTHING if linkable is None else f"{linkable:.2f}",
    }


def plain_section(result: ProtectionResult, card: ProtectionCard) -> Section:
    """Return what an officer must know, without terms of the field."""
    return Section("In plain words", (Bullets(tuple(_plain_sentences(result, card))),))


def _plain_sentences(result: ProtectionResult, card: ProtectionCard) -> Iterator[str]:
    chosen, before = result.chosen, result.untouched
    worst = chosen.worst.reversed_accuracy
    yield (
        f"Gender: the strongest attacker tried reads it correctly from {_in_100(before.worst.reversed_accuracy.value)} "
        f"templates as they are, and from {_in_100(worst.value)} protected templates (up to {_in_100(worst.high)} "
        f"allowing for chance). Guessing is right 50 times in 100. With the {chosen.people:,} people here, the best of "
        f"so many attackers would seem right {100 * chosen.chance.mean:.0f} times in 100 by luck alone."
    )
    yield f"Recognition: {_recognition(chosen)}"
    yield f"Threshold: {_threshold(chosen)}"
    for requirement, sentences in (
        (card.irreversible, IRREVERSIBLE),
        (card.unlinkable, UNLINKABLE),
        (card.renewable, RENEWABLE),
    ):
        yield sentences[requirement.met]
    yield f"Key: {_key(card)}"
    yield (
        "Not covered: images, from which anyone can compute unprotected templates; other attributes, such as age; the "
        f"owner, and whoever holds the key. See “{_NOT_COVERED_TITLE}”."
    )


def _key(card: ProtectionCard) -> str:
    if card.keyed:
        return "keep it apart from the protected templates. facepriv writes it to a file of its own and keeps no copy."
    if _map_is_secret(card):
        return "there is none. The map must be kept secret instead, since with it templates can be turned back."
    return "there is none, so nothing needs to be kept secret but the original templates."


def _recognition(audit: TemplateAudit) -> str:
    loss = audit.fnmr_loss
    if loss is None:
        return "whether people are still recognised cannot be told, since they have too few templates each."
    if loss <= 0:
        return "no more genuine comparisons fail than before, when 1 in 1,000 impostors is accepted."
    return (
        f"{1000 * loss:.0f} more in 1,000 genuine comparisons fail than before, when 1 in 1,000 impostors is accepted."
    )


def _threshold(audit: TemplateAudit) -> str:
    errors = audit.matching.errors_at(FMR)
    if errors is None or errors.threshold is None:
        return "whether the matcher needs a new one cannot be told."
    needed = new_threshold(audit)
    return needed[0].lower() + needed[1:] if needed else "the matcher can keep its threshold."


def _in_100(rate: float | None) -> str:
    return f"{NOTHING if rate is None else f'{100 * rate:.0f}'} of 100"


def method_section(document: ProtectionDocument, card: ProtectionCard) -> Section:
    """Return the templates that were protected, by what, and whom it was fitted to."""
    spec, chosen = document.spec, document.chosen
    parameters = ", ".join(f"{name} {value}" for name, value in chosen.parameters.items() if value is not None)
    rows = {
        "Template set": spec.templates.name,
        "Matcher": " ".join(filter(None, [chosen.matcher, chosen.version])) or "not stated",
        "Compared by": {"cosine": "cosine similarity", "euclidean": "Euclidean distance"}[chosen.metric],
        "Templates judged": f"{chosen.templates:,} of {chosen.people:,} labelled people "
        f"({chosen.men:,} men, {chosen.women:,} women)",
        **{f"Left out, {reason}": f"{number:,}" for reason, number in chosen.left_out.items()},
        "Protection": f"{card.name}: {card.title}",
        "Parameters": parameters or "none",
        "Fitted to": f"{chosen.fitted_on:.0f} people in each turn, others than those judged"
        + ("" if spec.fit_on is None else f"; people of {spec.fit_on.name} among them"),
        "Needs": card.needs,
        "Known to be broken by": card.broken_by,
        "Source": card.source,
    }
    return Section("What was done to the templates", (Table("protection", "", _pairs(rows)),))


def requirements_section(card: ProtectionCard, audit: TemplateAudit) -> Section:
    """Return what is irreversible, unlinkable and renewable, and what is not."""
    linkable = audit.matching.unlinkability
    measured = (
        "not measured: every release is the same"
        if linkable is None
        else f"linkable to a degree of {linkable:.2f} (0 = not at all, 1 = fully; D_sys of Gomez-Barrero et al., 2018)"
    )
    named = (
        ("Irreversible: nobody computes the original template", card.irreversible, _BY_ANALYSIS),
        ("Unlinkable: nobody tells that two releases show one person", card.unlinkable, measured),
        ("Renewable: a stolen template can be replaced", card.renewable, _BY_ANALYSIS),
    )
    rows = [
        {"Requirement": title, "Met": requirement.met, "Why": requirement.why, "Measured": figure}
        for title, requirement, figure in named
    ]
    undone = f"Who can turn protected templates back? {_sentence(card.undone_by)}."
    return Section(
        "What is irreversible, unlinkable and renewable, and what is not",
        (Table("requirements", "", rows), Text(undone), Text(STANDARDS, "note")),
    )


def holders_section(card: ProtectionCard, releases: Sequence[date]) -> Section:
    """Return who holds which secret and which map; ``releases`` are the days on which templates were released."""
    rows: list[Row] = [
        {
            "What": "Original templates",
            "Who holds it": "the owner; a new key can be used only as long as they are kept",
            "What it allows": "everything: reading gender, recognising people, protecting anew",
        },
        {
            "What": "Key",
            "Who holds it": "whoever enrols people, apart from the protected templates; facepriv keeps no copy"
            if card.keyed
            else "nobody: there is none",
            "What it allows": _allowed_by_key(card),
        },
        {
            "What": "Map (map.npz, map.onnx)",
            "Who holds it": "production; it is the same for everybody and holds no key. "
            + ("Keep it secret" if _map_is_secret(card) else "Take it as known to attackers"),
            "What it allows": ("protecting new templates with the key" if card.keyed else "protecting new templates")
            + ("; mapping probes, without the key" if card.probes == "mapped" else ""),
        },
        {
            "What": "Probes at verification",
            "Who holds it": "the matcher, for as long as it compares them",
            "What it allows": "they go through the map, without a key"
            if card.probes == "mapped"
            else "they are compared as they are",
        },
        {
            "What": "Gender label of a new person",
            "Who holds it": LABEL_AT_ENROLMENT[card.label_at_enrolment],
            "What it allows": NOTHING if card.label_at_enrolment == "none" else "choosing the person's map",
        },
        {
            "What": "Protected templates",
            "Who holds it": "the database, and whoever gets the release",
            "What it allows": "recognising people; reading gender as often as stated below",
        },
    ]
    told = f"Released {count(len(releases), 'time')}, last on {releases[-1]}." if releases else "Not released so far."
    return Section("Who holds what", (Table("holders", "", rows), Text(told, "note")))


def _map_is_secret(card: ProtectionCard) -> bool:
    """Return whether whoever holds the map can turn templates back without anything else."""
    return not card.keyed and card.irreversible.met == "no"


def _allowed_by_key(card: ProtectionCard) -> str:
    if not card.keyed:
        return NOTHING
    lost = card.irreversible.met != "no"
    return "enrolling people; " + ("telling what was drawn for each" if lost else "turning templates back")


def leak_section(document: ProtectionDocument) -> Section:
    """Return what attackers learn before and after, the worst in each state of knowledge first."""
    return Section("What attackers learn, before and after", tuple(_leak_blocks(document)))


def _leak_blocks(document: ProtectionDocument) -> Iterator[Block]:
    chosen, before, spec = document.chosen, document.untouched, document.spec
    yield Text(
        f"People are parted into three, at random in {count(chosen.partings, 'way')}: the protection is fitted to one "
        "part, attackers know the labels of another, and the third is attacked. “Right” is the share of correct "
        "guesses, or of the opposite guesses where these are right more often; 50 % is guessing. Brackets hold 95 % "
        "intervals over people."
    )
    rows = [_state_row(state, _strongest(before, state), _strongest(chosen, state)) for state in KNOWLEDGE_TITLES]
    yield Table("states", "Strongest attacker in each state of knowledge", rows)
    chance = chosen.chance
    yield Text(
        f"If there were nothing to learn, the best of all these attackers would seem right in {percent(chance.mean)} "
        f"of cases by luck, and in 1 of 20 tries in {percent(chance.high)} or more. "
        f"{percent(chance.as_high, 0)} of such tries reach what the strongest attacker reached here."
    )
    figure = leak_against_loss(document, most_accuracy=spec.most_accuracy, most_fnmr_loss=spec.most_fnmr_loss)
    alt = "Accuracy of the strongest attacker by loss of genuine comparisons, as in the tables"
    yield Figure("leak-against-loss", "What attackers learn against what recognition loses", alt, figure)
    if len(document.protected) > 1:
        yield Table("compared", "Protections compared", outcome_rows(document))
    for name, why in document.failed.items():
        yield Text(f"Not tried: {name}. {why}", "note")
    yield Table("attacks-after", "Every attacker on protected templates", attack_rows(chosen))
    yield Table("attacks-before", "Every attacker on templates as they are", attack_rows(before))
    yield Table("learning", "Strongest attackers by number of people learned from", _learning_rows(chosen))


def _strongest(audit: TemplateAudit, state: KnowledgeState) -> TemplateAttack | None:
    of_state = [attack for attack in audit.attacks if attack.knowledge == state]
    return max(of_state, key=lambda attack: attack.reversed_accuracy.value or 0.0, default=None)


def _state_row(state: KnowledgeState, before: TemplateAttack | None, after: TemplateAttack | None) -> Row:
    # Nobody knows of a protection where there is none yet.
    missing = "does not apply" if state == "aware" else NOT_TRIED
    return {
        "Attacker": KNOWLEDGE_TITLES[state],
        "Before: strongest": missing if before is None else before.attacker,
        "Right before": NOTHING if before is None else within(before.reversed_accuracy),
        "After: strongest": NOT_TRIED if after is None else after.attacker,
        "Right after": NOTHING if after is None else within(after.reversed_accuracy),
    }


def _learning_rows(audit: TemplateAudit) -> list[Row]:
    return [
        {
            "Attacker": point.attacker,
            "who": KNOWLEDGE_TITLES[point.knowledge],
            "People learned from": f"{point.people:,}",
            "Right": within(point.accuracy),
        }
        for point in audit.learning
    ]


def accuracy_section(audit: TemplateAudit) -> Section:
    """Return how well people are recognised by protected templates, and whether a new threshold is needed."""
    return Section("Recognition by protected templates", tuple(_accuracy_blocks(audit)))


def _accuracy_blocks(audit: TemplateAudit) -> Iterator[Block]:
    matching = audit.matching
    yield Text(_sentence(_threshold(audit)), "warning" if new_threshold(audit) else "plain")
    rows = [row for errors in matching.errors for row in _accuracy_rows(errors)]
    found = {which: within(matching.rank_one.get(which)) for which in _COLUMNS}
    rows.append(
        _accuracy_row("Person found first among all (rank 1)", within(matching.rank_one.get("untouched")), found)
    )
    yield Table("accuracy", "", rows)
    yield Text(
        f"From {matching.mated:,} genuine and {matching.non_mated:,} impostor comparisons of untouched templates, each "
        f"pair once; protected ones in {count(matching.partings, 'random parting')}. FNMR is the share of genuine "
        "comparisons that fail, FMR that of impostors who are accepted. “Too few comparisons” marks an FMR that fewer "
        "impostor comparisons than the rule of three asks for (3 / FMR) cannot support. Protected templates have as "
        "many numbers as original ones.",
        "note",
    )


def _accuracy_rows(errors: ErrorsAt) -> Iterator[Row]:
    at = percent(errors.target_fmr, 2) + ("" if errors.supported else FEW)
    yield _accuracy_row(f"FNMR at FMR {at}", within(errors.untouched), _each(errors.own_fnmr))
    own = {which: _score(errors.own_threshold.get(which)) for which in _COLUMNS}
    yield _accuracy_row("Threshold for that", _score(errors.threshold), own)
    yield _accuracy_row("FNMR at the old threshold", within(errors.untouched), _each(errors.fnmr))
    passing = {which: match_rate(errors.fmr.get(which)) for which in _COLUMNS}
    yield _accuracy_row("FMR at the old threshold", f"at most {match_rate(errors.target_fmr)}", passing)


def _accuracy_row(title: str, untouched: str, protected: Mapping[Comparison, str]) -> Row:
    return {"": title, "Untouched": untouched} | {_COLUMNS[which]: text for which, text in protected.items()}


def _each(intervals: Mapping[Comparison, Interval]) -> dict[Comparison, str]:
    return {which: within(intervals.get(which)) for which in get_args(Comparison)}


def _score(threshold: float | None) -> str:
    return NOTHING if threshold is None else f"{threshold:.3f}"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def not_covered_section(document: ProtectionDocument) -> Section:
    """Return what the protection does not cover, and which attackers were not tried."""
    spec = document.spec
    items = [*NOT_COVERED, "attackers who first reconstruct a face from a template"]
    untried = [name for name in template_attackers.names() if name not in spec.attackers]
    if untried:
        items.append(f"the attackers {listed(untried)}, whom facepriv knows and this trial did not try")
    if spec.learn_from is None:
        items.append(
            "attackers who hold labelled templates of other people: none were tried, so the figures above flatter"
        )
    return Section(
        _NOT_COVERED_TITLE,
        (Text("No figure in this report says anything about:", "warning"), Bullets(tuple(items))),
    )


def _pairs(rows: Mapping[str, str]) -> list[Row]:
    return [{"": title, "What": text} for title, text in rows.items()]
