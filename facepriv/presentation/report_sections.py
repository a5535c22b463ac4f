"""Sections of the report for a privacy officer: sentences, tables and figures made from plain results.

Nothing in them names a person; the seeds from which a policy's choices follow are withheld where there is a policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from facepriv.charts.dataset import class_balance
from facepriv.charts.gender import gender_error_bars
from facepriv.charts.matching import det, match_score_histograms
from facepriv.charts.policy import attacker_curves, leak_bars, learning_curves, utility_curve
from facepriv.charts.rates import survival_bars
from facepriv.presentation import audit_tables, run_sentences, run_tables
from facepriv.presentation.glossary import GLOSSARY
from facepriv.presentation.help_texts import DRAWN, HELP
from facepriv.registry import VALUE
from facepriv.report.document import Block, Bullets, Figure, Row, Section, Table, Text
from facepriv.schemas.audits import AuditResult
from facepriv.schemas.base import ModelRef
from facepriv.schemas.figures import GUESSING
from facepriv.schemas.runs import RunResult, RunSpec
from facepriv.store import AuditRecord, DatasetCounts, DatasetRecord, RunRecord
from facepriv.types import GENDER, Identities, ModelCard
from facepriv.wording import count, listed, match_rate, percent

WITHHELD = "withheld: it would reveal which images were perturbed"
SAME_BYTES = "The same spec, images and libraries on the same kind of processor give the same bytes."
INTERVALS: dict[Identities, str] = {
    "people": "over people, not images",
    "groups": "over the data set's groups, which may hold several people",
    "none": "over images, because the data set does not say who is shown. An attacker may have learned from other "
    "images of the same person, so attackers look better than they are",
}
"""What intervals resample, by what a data set's subjects are."""
NOTICEABLE = {"unnoticeable": "hardly noticeable to people", "visible": "visible to people"}


def key_figures(run: RunRecord, result: RunResult, audit: AuditResult | None) -> dict[str, str]:
    """Return the few figures of a run to read first."""
    figures = {} if audit is None else strongest_attackers(audit)
    error = run_tables.gender_errors(result).get(run.guide) or result.attribute_error.get(run.guide)
    if error is None:
        figures[f"Images that fool {run.guide}"] = percent(result.flipped.all)
    else:
        what = "gender" if result.attribute == GENDER else result.attribute
        figures[f"{run.guide} wrong about {what}, before"] = percent(error.before.all)
        figures[f"{run.guide} wrong about {what}, after"] = percent(error.after.all)
    for name, phases in result.matching.items():
        figures[f"Genuine matches lost by {name}, old against new images"] = match_rate(phases.cross.fmr1000)
    figures["Failed images"] = f"{result.failures.total:,} of {count(result.images, 'image')}"
    return figures


def strongest_attackers(audit: AuditResult) -> dict[str, str]:
    """Return how often the strongest attacker may be right, by release."""
    titles = {condition.name: audit_tables.condition_title(condition) for condition in audit.conditions}
    return {f"Attacker right at most, {titles[line.condition]}": percent(line.at_most) for line in audit.headlines}


def findings_section(text: str) -> Section:
    """Return the figures under the verdict in a paragraph."""
    return Section("In figures", (Text(text),))


def glossary_section() -> Section:
    """Return what the words of the field mean."""
    rows = [{"": word, "Meaning": meaning} for word, meaning in GLOSSARY.items()]
    return Section("Glossary", (Table("glossary", "", rows),))


def purpose_section(sheet: Mapping[str, str], missing: Sequence[str]) -> Section:
    """Return the data sheet by title, and which parts of it are not stated."""
    blocks: list[Block] = [Table("purpose", "", [{"": title, "As entered": text} for title, text in sheet.items()])]
    if missing:
        blocks.append(Text(f"Not stated: {listed(missing).lower()}.", "note"))
    return Section("Purpose and legal basis", blocks)


def images_section(
    dataset: DatasetRecord, counts: DatasetCounts, used: str, imported: str, why_not_matched: str | None
) -> Section:
    """Return what the data set holds; ``used`` says how many of its images were, ``imported`` when it was."""
    named = {"female": counts.labels.get(-1, 0), "male": counts.labels.get(1, 0), "unlabelled": counts.labels.get(None)}
    balance = {name: number for name, number in named.items() if number}
    rows = {
        "Data set": dataset.name,
        "Imported": imported,
        # Not why: the reason names files, and files may be named after people.
        "Read as": dataset.reader,
        "Images": f"{counts.images:,} of {count(counts.subjects, 'subject')}; {used}",
        "Notes on what was left out at import": f"{sum(counts.problems.values()):,}",
    }
    alt = "Images by label: " + ", ".join(f"{name} {number:,}" for name, number in balance.items())
    blocks: tuple[Block, ...] = (
        Table("images", "", _pairs(rows)),
        *([] if why_not_matched is None else [Text(why_not_matched, "warning")]),
        Figure("labels", "Images by label", alt, class_balance(balance)),
        Table("no-face", "Images without a usable face", run_tables.count_rows("Reason", counts.failures.items())),
    )
    return Section("The images", blocks)


def method_section(spec: RunSpec, result: RunResult) -> Section:
    """Return the method of a run, its parameters, and what it changed and cost."""
    rows = {
        "Aim": run_tables.aim_title(spec),
        "Method": spec.method + ("" if result.kind is None else f"; {NOTICEABLE[result.kind]}"),
        "Guides": listed([guide.name for guide in spec.guides]),
        **({"Kept": listed([kept.name for kept in spec.keep])} if spec.keep else {}),
        **({} if spec.landmarker is None else {"Landmarks": spec.landmarker.name}),
        "Guard matchers": listed([guard.name for guard in spec.guards]) or "none",
        "Parameters": run_tables.changed_parameters(spec),
    }
    return Section(
        "What was done to them",
        (
            Text(run_sentences.aim(spec)),
            Table("method", "", _pairs(rows)),
            Table("quality", "Change of the images", run_tables.quality_rows(result)),
            Table("effort", "Effort", run_tables.effort_rows(result)),
            Table("learned", "Learned first", run_tables.learned_rows(result)),
        ),
    )


def policy_section(audit: AuditResult) -> Section:
    """Return the policy that was audited, and why it was chosen."""
    policy = audit.policy
    if policy is None:
        return Section("Policy", (Text("No policy was audited: all images are released unchanged, or all perturbed."),))
    rows = {
        "Proportion of images perturbed": f"p = {percent(policy.p)}",
        "Drawn": DRAWN[policy.select_by],
        "Chosen": "by the audit" if policy.automatic else "by the auditor",
        "Against": listed(policy.against) or "all attackers",
    }
    note = "A secret key determines which images are perturbed. This report contains neither the key nor the list."
    return Section("Policy", (Text(policy.sentence), Table("policy", "", _pairs(rows)), Text(note, "note")))


def leak_section(audit: AuditResult, identities: Identities) -> Section:
    """Return what attackers learn from every release."""
    return Section("What attackers learn", tuple(_leak_blocks(audit, identities)))


def _leak_blocks(audit: AuditResult, identities: Identities) -> Iterator[Block]:
    strongest = "; ".join(
        f"{line.condition}: {line.attacker} is right in {percent(line.accuracy)}, at most {percent(line.at_most)}"
        for line in audit.headlines
    )
    yield Text(
        f"Audited: {count(audit.images, 'image')} of {count(audit.subjects, 'subject')} "
        f"({audit.female_subjects:,} labelled female, {audit.male_subjects:,} labelled male). {percent(GUESSING)} is "
        f"guessing; there is 1 bit to learn, and attackers learn at least as much of it as stated. Intervals are 95 % "
        f"intervals {INTERVALS[identities]}."
    )
    for sentence in audit.learned_from:
        yield Text(sentence, "note")
    if audit.conditions:
        alt = f"Accuracy of every attacker with its 95 % interval. The strongest: {strongest}"
        yield Figure("leak", "How often each attacker is right", alt, leak_bars(audit.conditions))
    for condition in audit.conditions:
        title = f"Release: {audit_tables.condition_title(condition)}"
        yield Table(f"leak-{condition.name}", title, audit_tables.attack_rows(condition.attacks))
    yield from _learning_blocks(audit)
    if audit.curve:
        p = None if audit.policy is None else audit.policy.p
        title = "How often each attacker is right, by proportion of images changed"
        yield Figure("proportion", title, f"{title}; figures as in the table", attacker_curves(audit.curve, p))
        yield Table("proportion", "", audit_tables.curve_rows(audit))
    yield Table("left-out", "Images that were not audited", audit_tables.left_out_rows(audit))


def _learning_blocks(audit: AuditResult) -> Iterator[Block]:
    """Yield what attackers learn by number of people, and whether more would help them."""
    for condition in audit.conditions:
        points = audit_tables.learning_points(audit, condition.name)
        if points:
            name = f"learning-{condition.name}"
            title = f"By number of people learned from: {audit_tables.condition_title(condition)}"
            alt = "How often each attacker is right by number of people learned from; figures as in the table"
            yield Figure(name, title, alt, learning_curves(points))
            yield Table(name, "", audit_tables.learning_rows(audit, condition.name))
    if audit.more_people:
        yield Text(audit.more_people, "warning")


def classifiers_section(result: RunResult) -> Section:
    """Return how classifiers judge the images before and after, and which flips survive processing."""
    blocks: list[Block] = [
        Table(
            "attribute-error", "Error on other attributes, on the stored files", run_tables.attribute_error_rows(result)
        ),
        Table("attribute-changes", "Answers that the run did not target", run_tables.attribute_change_rows(result)),
    ]
    if errors := run_tables.gender_errors(result):
        alt = "Gender error of each classifier before and after, by label, as in the table"
        blocks += [
            Table("gender-error", "Gender error, on the stored files", run_tables.gender_error_rows(result)),
            Figure("gender-error", "Gender error before and after", alt, gender_error_bars(errors)),
            Table("jury", "Jury: classifiers that guided nothing, 95 % intervals", run_tables.jury_rows(result)),
        ]
    alt = "Proportion of images flipped in the file and in versions of it, as in the table"
    blocks += [
        Table("flips", "Flips in the stored file and after processing", run_tables.survival_rows(result)),
        Figure("flips", "Flips in the stored file and after processing", alt, survival_bars(result.flips())),
        Table("stops", "Why perturbing ended", run_tables.stop_rows(result)),
    ]
    return Section("Gender classifiers", blocks)


def recognition_section(result: RunResult, audit: AuditRecord | None) -> Section:
    """Return how well matchers work before and after, and on the mixed database of an audit."""
    return Section("Recognition", tuple(_recognition_blocks(result, audit)))


def _recognition_blocks(result: RunResult, audit: AuditRecord | None) -> Iterator[Block]:
    if not result.matching:
        yield Text("The run had no matcher, so its effect on recognition is not known.", "warning")
    else:
        yield Table("matching", "Before, after, and old images against new ones", run_tables.matching_rows(result))
        yield Text(HELP["interval"], "note")
        for sentence in run_sentences.sampling_notes(result):
            yield Text(sentence, "note")
    for name, phases in result.matching.items():
        alt = f"DET curves of {name} before, after and across; error rates as in the table"
        yield Figure(f"det-{name}", f"DET of {name}", alt, det(phases, name))
        alt = f"Genuine and impostor scores of {name}, before, after and across, in the same bins"
        yield Figure(f"scores-{name}", f"Scores of {name}", alt, match_score_histograms(phases, name))
    if audit is not None and audit.result is not None and audit.result.utility:
        measured = audit.result
        yield Table("utility", "On the database that the policy mixes", audit_tables.utility_rows(measured))
        p = None if measured.policy is None else measured.policy.p
        figure = utility_curve(measured.utility, audit.spec.most_fnmr_loss, p=p)
        yield Figure("utility", "FNMR at FMR 0.1 % by proportion of images changed", "As in the table above", figure)
        yield Table("utility-change", "Cost to matching", audit_tables.change_rows(measured))


def failures_section(result: RunResult, audit: AuditResult | None) -> Section:
    """Return how many images failed and why, and how many can only be released unchanged."""
    blocks: list[Block] = []
    if result.failures.total == 0:
        blocks.append(Text(f"None: all {count(result.images, 'image')} were perturbed and judged."))
    else:
        title = f"{result.failures.total:,} of {count(result.images, 'image')}"
        rows = run_tables.count_rows("Reason", result.failures.by_reason.items())
        note = "This report does not say which images failed, since their names may name people."
        blocks += [Table("failures", title, rows), Text(note, "note")]
    if audit is not None and audit.not_perturbed:
        blocks.append(
            Text(
                f"{count(audit.not_perturbed, 'image')} could not be perturbed and can only be released unchanged. "
                "Anyone who finds out which ones learns their gender.",
                "warning",
            )
        )
    return Section("Failures", blocks)


def not_tested_section(audit: AuditResult | None) -> Section:
    """Return the attackers that no figure covers."""
    title = "Attacks that were not tested"
    if audit is None:
        return Section(title, (Text("No attacker was tried: this run was not audited.", "warning"),))
    return Section(
        title, (Text("These attackers may learn more; no figure here covers them."), Bullets(audit.not_tried))
    )


def risk_section(result: RunResult | None, audit: AuditResult | None) -> Section:
    """Return what remains at risk after a run, or in the data set as it is."""
    risks = [] if result is None else list(run_sentences.limits(result))
    if audit is not None:
        titles = {condition.name: audit_tables.condition_title(condition) for condition in audit.conditions}
        risks += [
            f"Release of the {titles[line.condition]}: an attacker like “{line.attacker}” may be right in up to "
            f"{percent(line.at_most)} of cases."
            for line in audit.headlines
            if line.at_most > GUESSING
        ]
    if result is not None and audit is not None:
        templates = [
            attack.accuracy
            for condition in audit.conditions
            for attack in condition.attacks
            if attack.attacker == "template" and condition.name != "untouched"
        ]
        strongest = max(templates, key=lambda accuracy: accuracy.value or 0.0, default=None)
        if strongest is not None and strongest.value is not None:
            risks.append(
                "Templates that a matcher computes from the released images also reveal gender: an attacker who has "
                f"them is right in {run_tables.between(strongest)} of cases."
            )
    return Section("Residual risk", (Bullets(risks),))


def models_section(refs: Sequence[ModelRef], cards: Mapping[str, ModelCard], audit: AuditRecord | None) -> Section:
    """Return the models that were used, with licence and source, and their error on the untouched images."""
    used = {ref.name: ref for ref in refs}
    if audit is not None:
        used |= {ref.name: ref for ref in (*audit.spec.classifiers, *audit.spec.matchers)}
    rows: list[Row] = []
    for ref in used.values():
        card = cards.get(ref.name.partition(VALUE)[0])
        rows.append(
            {
                "Model": ref.name,
                "Kind": "–" if card is None else card.kind,
                "Version": ref.version,
                "Licence": "not installed here" if card is None else card.licence,
                "Source": "–" if card is None else card.source,
                "Notes": "–" if card is None else card.notes,
            }
        )
    blocks: list[Block] = [Table("models", "", rows)]
    if audit is not None and audit.result is not None:
        title = "Gender error on the untouched images, by label"
        blocks.append(Table("model-error", title, audit_tables.baseline_rows(audit.result)))
    return Section("Models", blocks)


def repeat_section(rows: Mapping[str, str]) -> Section:
    """Return what is needed to repeat the results and to check a sign-off."""
    return Section("How to repeat it", (Table("repeat", "", _pairs(rows)), Text(SAME_BYTES, "note")))


def _pairs(rows: Mapping[str, str]) -> list[Row]:
    return [{"": title, "What": text} for title, text in rows.items()]
