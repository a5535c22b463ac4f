"""Trials of protections as tables."""

from __future__ import annotations

from collections.abc import Iterable

from facepriv.presentation.formats import NOTHING, moment
from facepriv.protect.registry import RECOMMENDED, describe_variant, protections
from facepriv.schemas.figures import Interval
from facepriv.schemas.protections import ProtectionResult
from facepriv.schemas.templates import KNOWLEDGE_TITLES, Comparison, ErrorsAt, TemplateAudit
from facepriv.store import ProtectionSummary
from facepriv.wording import match_rate, percent

FEW = " (too few comparisons)"
_SENTENCES = ("Undone by", "Broken by", "Source")
LABEL_AT_ENROLMENT = {"none": "not needed", "guess": "guessed by the protection", "label": "needed"}


def protection_rows() -> list[dict[str, str]]:
    """Return what an owner must know of each protection, the recommended one first."""
    advised = protections.resolve(RECOMMENDED)
    rows = []
    for name in sorted(protections.names(), key=lambda name: (name != advised, name)):
        card = protections.load(name).card  # type: ignore[attr-defined]
        rows.append(
            {
                "Protection": name + (" (recommended)" if name == advised else ""),
                "What it does": card.title,
                "Label at enrolment": LABEL_AT_ENROLMENT[card.label_at_enrolment],
                "Key": "yes" if card.keyed else "no",
                "Probes": card.probes,
                "Irreversible": card.irreversible.met,
                "Unlinkable": card.unlinkable.met,
                "Renewable": card.renewable.met,
                "Undone by": card.undone_by,
                "Broken by": card.broken_by,
                "Source": card.source,
            }
        )
    return rows


def split_columns(rows: Iterable[dict[str, str]]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return what `protection_rows` returns as two tables that fit on a page: facts, and what takes a sentence."""
    facts, reasons = [], []
    for row in rows:
        facts.append({name: text for name, text in row.items() if name not in _SENTENCES})
        reasons.append({name: row[name] for name in ("Protection", *_SENTENCES)})
    return facts, reasons


def trial_row(trial: ProtectionSummary) -> dict[str, str]:
    """Return a trial as a row of a list."""
    return {
        "Protection": str(trial.id),
        "Templates": trial.template_set_name,
        "Method": trial.method,
        "State": trial.state,
        "Started": moment(trial.started_at),
    }


def outcome_rows(result: ProtectionResult) -> list[dict[str, str]]:
    """Return what attackers learn and recognition loses, a row for templates as they are and for each protection."""
    return [_outcome_row(audit) for audit in (result.untouched, *result.protected)]


def audit_title(audit: TemplateAudit) -> str:
    """Return what was tried: the protection, with those parameters that are not its defaults."""
    return describe_variant(audit.protection, audit.parameters)


def _outcome_row(audit: TemplateAudit) -> dict[str, str]:
    worst, errors = audit.worst, audit.matching.errors_at(0.001)
    rank = audit.matching.rank_one
    return {
        "Protection": audit_title(audit),
        "Strongest attacker": worst.attacker,
        "who": KNOWLEDGE_TITLES[worst.knowledge],
        "Right": within(worst.reversed_accuracy),
        "Genuine lost, against originals": NOTHING if errors is None else _errors(_own(errors, "against-untouched")),
        "Genuine lost, among protected": NOTHING if errors is None else _errors(_own(errors, "among-protected")),
        "More lost at most": match_rate(audit.fnmr_loss),
        "Found first": within(rank.get("against-untouched") or rank.get("untouched")),
        "Linkable": NOTHING if audit.matching.unlinkability is None else f"{audit.matching.unlinkability:.2f}",
    }


def _own(errors: ErrorsAt, comparison: Comparison) -> Interval:
    """Return FNMR at the comparisons' own threshold; of templates as they are there is one only."""
    own = errors.own_fnmr[comparison]
    return own if own.value is not None else errors.untouched


def attack_rows(audit: TemplateAudit) -> list[dict[str, str]]:
    """Return every attacker in every state of knowledge, the strongest first."""
    attacks = sorted(audit.attacks, key=lambda attack: -(attack.reversed_accuracy.value or 0))
    return [
        {
            "Attacker": attack.attacker,
            "who": KNOWLEDGE_TITLES[attack.knowledge],
            "Right": within(attack.reversed_accuracy),
            "Guesses as they are": percent(attack.accuracy.value),
            "AUC": NOTHING if attack.auc.value is None else f"{attack.auc.value:.3f}",
            "Bits learned, at least": NOTHING if attack.bits.value is None else f"{attack.bits.value:.2f}",
            "People learned from": f"{attack.people:,.0f}",
        }
        for attack in attacks
    ]


def matching_rows(audit: TemplateAudit) -> list[dict[str, str]]:
    """Return how well people are recognised at each target FMR, before and after."""
    return [
        {
            "Impostors accepted": percent(errors.target_fmr, 2)
            + ("" if errors.supported else " (too few comparisons)"),
            "Genuine lost, untouched": _errors(errors.untouched),
            "Impostors accepted then": _most(errors.fmr.values()),
            "against originals": _errors(errors.fnmr.get("against-untouched")),
            "among protected": _errors(errors.fnmr.get("among-protected")),
            "at their own threshold, against originals": _errors(errors.own_fnmr.get("against-untouched")),
            "at their own threshold, among protected": _errors(errors.own_fnmr.get("among-protected")),
        }
        for errors in audit.matching.errors
    ]


def _most(rates: Iterable[float | None]) -> str:
    """Write the greatest of the rates that are known."""
    return percent(max((rate for rate in rates if rate is not None), default=None), 2)


def within(interval: Interval | None) -> str:
    """Write a rate with its 95 % interval."""
    if interval is None or interval.value is None:
        return NOTHING
    return f"{percent(interval.value)} ({100 * (interval.low or 0):.1f} to {percent(interval.high)})"


def _errors(interval: Interval | None) -> str:
    return NOTHING if interval is None else match_rate(interval.value)
