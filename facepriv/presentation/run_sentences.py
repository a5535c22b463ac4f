"""What a run came to and what it does not protect against, in sentences."""

from __future__ import annotations

from statistics import mean

from facepriv.imaging.panel import PANEL, PANEL_TITLES
from facepriv.imaging.versions import VERSION_PHRASES
from facepriv.perturb.registry import aim_of
from facepriv.presentation.help_texts import AIM_TEXTS, NO_AIM
from facepriv.presentation.run_tables import between, gender_errors, impostors, least_fooled
from facepriv.schemas.runs import NOT_FLIPPED, Jury, RunResult, RunSpec
from facepriv.types import GENDER
from facepriv.wording import auc_within, count, listed, match_rate, percent

SURVIVING = 0.9
"""Proportion of the file's flips below which a version of the file is said to lose flips."""


def aim(spec: RunSpec) -> str:
    """Return what a run is for in a sentence, and what it is not for in another."""
    named = aim_of(spec.method)
    if named is None:
        return f"{NO_AIM}: the method {spec.method} was chosen by name."
    text = AIM_TEXTS[named]
    return f"Aim: {text.title}. {text.good_for} {text.not_for}"


def headline(result: RunResult, guide: str) -> str:
    """Return what a run came to: errors of classifiers, then recognition, then failures."""
    sentences = [_attribute_sentence(result, guide)] if result.attribute != GENDER else []
    if result.attribute == GENDER and result.gender_error[guide].before.all is None:
        sentences.append(
            f"The images have no labels, so each was moved away from what {guide} said of it; {guide} now says the "
            f"opposite for {percent(result.flipped.all)}."
        )
    elif gender_errors(result):
        errors = sorted(result.gender_error.items(), key=lambda item: item[0] != guide)
        changes = [f"{name} from {percent(error.before.all)} to {percent(error.after.all)}" for name, error in errors]
        sentences.append(f"Images whose gender is misjudged: {'; '.join(changes)}.")
    if result.jury is not None and result.jury.majority.after.all.value is not None:
        sentences.append(_jury_sentence(result.jury))
    for name, change in result.attribute_changes.items():
        if change.kept and change.mean_change is not None:
            sentences.append(
                f"{name}, which was to keep its answers, kept {percent(change.stayed)} of them; its score moved by "
                f"{change.mean_change:.2f} nats on average."
            )
    for name, phases in result.matching.items():
        auc = f"AUC {auc_within(phases.cross.auc, phases.cross.auc_error)}"
        if phases.cross.fmr1000 is None:
            sentences.append(f"Too few pairs to say how many genuine matches {name} loses ({auc}).")
        else:
            sentences.append(
                f"{name} loses {match_rate(phases.cross.fmr1000)} of the genuine matches between old and new images "
                f"(at FMR 0.1 %; {auc})."
            )
    return " ".join([*sentences, failures(result)])


def failures(result: RunResult) -> str:
    """Return how many images failed; those that only some guide still gets right are told apart."""
    standing = result.failures.by_reason.get(NOT_FLIPPED, 0)
    others = result.failures.total - standing
    images = count(result.images, "image")
    if not standing:
        return f"{others:,} of {images} failed."
    told = f"On {standing:,} of {images} not every guide is misled: the change went as far as the method was allowed."
    return f"{told} {others:,} failed otherwise." if others else told


def _jury_sentence(jury: Jury) -> str:
    before, after = jury.majority.before, jury.majority.after
    single = [errors.after.all.value for errors in jury.jurors.values() if errors.after.all.value is not None]
    each = (
        f"; single jurors misjudge {percent(min(single))} to {percent(max(single))}"
        if len(jury.jurors) > 1 and single
        else ""
    )
    return (
        f"The majority of the jury ({listed(list(jury.jurors))}), which guided nothing, misjudges {between(after.all)} "
        f"of the images ({percent(before.all.value)} before): {percent(after.female.value)} of those labelled female "
        f"and {percent(after.male.value)} of those labelled male{each}."
    )


def _attribute_sentence(result: RunResult, guide: str) -> str:
    error = result.attribute_error.get(guide)
    if error is None:
        return (
            f"The images have no labels of {result.attribute}, so each was moved away from what {guide} said of it; "
            f"the guides now say the opposite for {percent(result.flipped.all)}."
        )
    return (
        f"Images whose {result.attribute} is misjudged: {guide} from {percent(error.before.all)} to "
        f"{percent(error.after.all)}."
    )


def limits(result: RunResult) -> list[str]:
    """Return what a run does not protect against, with its own figures."""
    guides = " and ".join(result.guides) or "the guide"
    of_gender = result.attribute == GENDER
    sentences = [
        "Nothing here shows protection against other classifiers, image restoration, retrained attackers or human "
        "viewers. Labels and classifiers know two genders only."
    ]
    if not of_gender:
        sentences.append(
            f"This run perturbed {result.attribute}, guided by {guides}. Audits and policies measure gender only, so "
            f"nothing here shows what attackers still learn about {result.attribute}."
        )
    kept = [name for name, change in result.attribute_changes.items() if change.kept]
    if kept:
        sentences.append(
            f"Only the answers of {listed(kept)} were kept; other classifiers of the same attribute, and people, may "
            "judge differently than before."
        )
    if result.kind == "unnoticeable":
        sentence = f"The change works against {guides} only; other classifiers mostly stay right"
        least = least_fooled(result) if of_gender and result.guides else None
        if least is not None:
            sentence += f" ({least[0]} misjudges {percent(least[1])} of the images)"
        sentences.append(f"{sentence}.")
    elif result.kind == "visible":
        sentences.append(
            "Anyone who looks for the change sees it. It also fools other classifiers, but only some of the time."
        )
    flipped = result.flipped.all or 0.0
    lost = [
        f"{percent(rates.all)} {VERSION_PHRASES.get(name, f'in {name}')}"
        for name, rates in result.survival.items()
        if name not in PANEL and rates.all is not None and rates.all < SURVIVING * flipped
    ]
    if lost:
        sentences.append(
            f"Processing the file undoes part of the effect: {percent(flipped)} of all images are flipped in the "
            f"stored file, but only {listed(lost)}."
        )
    if flipped:
        sentences += panel_sentences(result)
    if flipped and not result.survival:
        sentences.append("This run did not measure whether flips survive JPEG compression, resizing or greyscale.")
    return sentences


def panel_sentences(result: RunResult) -> list[str]:
    """Return how many flips are left on the panel, whose versions no method may use: the least and the mean."""
    rates = {name: rate.all for name, rate in result.survival.items() if name in PANEL and rate.all is not None}
    if not rates:
        return []
    least = min(rates, key=rates.__getitem__)
    return [
        f"On {len(rates)} other kinds of processing, which no method may prepare for, {percent(mean(rates.values()))} "
        f"of the images are still flipped on average, and {percent(rates[least])} in the worst case "
        f"({PANEL_TITLES[least]})."
    ]


def sampling_notes(result: RunResult) -> list[str]:
    """Return where impostor comparisons were drawn at random or counted in bins, and how far figures may be off."""
    sentences = []
    for matcher, phases in result.matching.items():
        for phase, matching in phases:
            rates = " and ".join(
                f"{percent(point.fmr, 4)} ± {percent(point.fmr_standard_error, 4)}"
                for point in matching.operating_points
                if point.fmr is not None and point.fmr_standard_error is not None
            )
            if rates:
                sentences.append(f"{matcher}, {phase}: {impostors(matching)}; FMR {rates} (± standard error).")
    if any(matching.auc_error or matching.eer_error for phases in result.matching.values() for _, matching in phases):
        sentences.append(
            "Scores of more than 1,000 images are counted in bins: AUC and EER are off by at most what follows the ±; "
            "figures at a given FMR are exact."
        )
    return sentences
