"""One trial of a protection in full: its verdict, what attackers learn, what recognition loses, the release."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from facepriv.charts.templates import leak_against_loss
from facepriv.config import get_settings
from facepriv.presentation import protection_tables as tables
from facepriv.presentation.formats import moment, plain
from facepriv.presentation.protection_findings import NOT_COVERED, protection_findings, right
from facepriv.presentation.verdict import trial_verdict
from facepriv.schemas.protections import ProtectionResult
from facepriv.services.protections.documents import protection_document
from facepriv.services.protections.download import Download, make_download, write_to_folder
from facepriv.services.protections.keeping import KeptSet, keep_protected
from facepriv.services.sharing.signing_off import refuse_unsigned_templates
from facepriv.store import ProtectionRecord, Store
from facepriv.wording import count, duration, match_rate
from parts import jobs, progress, report, verdict, work_log
from parts.deletion import offer_protection
from parts.downloads import file_name, offer_result
from parts.figures import show_figure, show_metric, show_rows
from parts.release import ask_for_folder, list_releases
from parts.shell import errors_shown, me

FORMATS = ("as it came", "npz", "csv", "parquet")


def show(store: Store, trial: ProtectionRecord, forget: Callable[[], None]) -> None:
    """Show a trial in whatever state it is; ``forget`` is called once it has been deleted."""
    st.header(f"Protection {trial.id}", divider="gray")
    st.caption(
        f"{plain(trial.template_set_name)} · {trial.method} · seed {trial.spec.seed} · "
        f"started {moment(trial.started_at)} · finished {moment(trial.finished_at)}"
    )
    if trial.state in progress.ACTIVE:
        progress.keep_worker()
        progress.follow("protection", (trial.id,))
        work_log.show(store, trial.job_id)
        st.caption("You may close this page; the work continues.")
        return
    jobs.seen(store, trial.job_id)
    if trial.result is None:
        if trial.state == "failed":
            st.error(f"This trial failed: {plain(trial.error or '')}", icon=":material/error:")
        else:
            st.warning("This trial was cancelled, so it has no result.", icon=":material/cancel:")
        work_log.offer_resume("protection", trial.id)
        work_log.show(store, trial.job_id, expanded=True)
    else:
        show_result(trial, trial.result)
        release(store, trial)
        keep(store, trial)
        report.offer_of_protection(trial.id)
        st.subheader("Files and spec")
        document = protection_document(store, trial.id).model_dump_json(by_alias=True, indent=2)
        offer_result("protection", trial.id, document)
        st.caption(f"Computation: {duration(trial.result.seconds)}.")
        work_log.show(store, trial.job_id)
    with st.expander("Spec: everything needed to repeat the trial", icon=":material/description:"):
        st.json(trial.spec.model_dump(mode="json"), expanded=1)
    warning = f"This deletes protection {trial.id} and its figures; the template set stays. It cannot be undone."
    offer_protection(trial.id, warning, forget)


def show_result(trial: ProtectionRecord, result: ProtectionResult) -> None:
    """Show the result of a complete trial, whose verdict stands on top of the page."""
    verdict.details(protection_findings(result.untouched, result.chosen))
    chosen, before = result.chosen, result.untouched
    boxes = st.columns(3)
    worst = chosen.worst
    show_metric(
        boxes[0],
        "Strongest attacker right",
        right(worst),
        f"{right(before.worst)} before",
        "Of all attackers tried, in all states of knowledge; the guesses or the opposite ones, whichever are right "
        "more often. 50 % is guessing.",
    )
    show_metric(
        boxes[1],
        "Genuine comparisons lost more",
        match_rate(chosen.fnmr_loss),
        "at 0.1 % of impostors accepted",
        "The greater of protected against original templates and of protected ones among each other.",
    )
    linkable = chosen.matching.unlinkability
    show_metric(
        boxes[2],
        "Linkable across keys",
        "–" if linkable is None else f"{linkable:.2f}",
        "0 = not at all, 1 = fully",
        "Whether two releases with different keys can be told to be of one person. Protected templates are still "
        "compared with original ones, so that this stays near 1.",
    )
    st.subheader("What attackers learn against what recognition loses")
    figure = leak_against_loss(result, most_accuracy=trial.spec.most_accuracy, most_fnmr_loss=trial.spec.most_fnmr_loss)
    alt = "Accuracy of the strongest attacker by loss of genuine comparisons, as in the table"
    show_figure(figure, f"leak-{trial.id}", alt, f"protection {trial.id}")
    st.caption("Within both limits: the shaded corner. Bars are 95 % intervals over people.")
    show_rows(tables.outcome_rows(result))
    for name, why in result.failed.items():
        st.caption(f":material/warning: Not tried: {name}. {plain(why)}")
    names = {tables.audit_title(audit): audit for audit in (chosen, before, *result.protected[1:])}
    with st.expander("Every attacker in every state of knowledge", icon=":material/groups:"):
        audit = names[st.selectbox("Templates", list(names), key=f"attacks-{trial.id}")]
        show_rows(tables.attack_rows(audit))
    with st.expander("Matching in full", icon=":material/compare_arrows:"):
        show_rows(tables.matching_rows(chosen))
    st.subheader("Not covered")
    st.warning(
        "No protection of templates covers:\n" + "\n".join(f"- {plain(what)}" for what in NOT_COVERED),
        icon=":material/warning:",
    )


def release(store: Store, trial: ProtectionRecord) -> None:
    """Offer the protected templates with their manifest and map, and the key apart from them."""
    st.subheader("Release")
    st.write(
        "The archive holds the protected templates without labels, a manifest, and the map that production applies to "
        "new records. A keyed protection draws a new key each time: keep the key file apart from the archive."
    )
    key = f"release-{trial.id}"
    assert trial.result is not None, "only a complete trial is released"
    known = trial_verdict(trial.result, trial.spec)
    st.markdown(f"**{plain(f'{known.symbol} {known.sentence}')}**")
    acknowledged = st.checkbox("I have read this verdict and what is not covered", key=f"{key}-acknowledged")
    file_format = st.selectbox("Format", FORMATS, key=f"{key}-format")
    suffix = None if file_format == FORMATS[0] else f".{file_format}"
    pressed = st.button(
        "Prepare the release", key=f"{key}-prepare", icon=":material/inventory_2:", disabled=not acknowledged
    )
    if pressed:
        with errors_shown():
            refuse_unsigned_templates(get_settings())
            st.session_state[key] = make_download(store, get_settings(), trial.id, actor=me().actor, suffix=suffix)
    prepared = st.session_state.get(key)
    if isinstance(prepared, Download):
        hand_out(trial, prepared, key)
    if acknowledged:
        into_folder(store, trial, suffix, f"{key}-folder")
    list_releases(store, template_set_id=trial.template_set_id, none="None of these templates was released yet.")


def into_folder(store: Store, trial: ProtectionRecord, suffix: str | None, key: str) -> None:
    """Write the release into a folder of the server, where any is allowed, and offer the key."""
    folder = ask_for_folder(f"protected-{trial.id}", key)
    if folder is not None:
        with errors_shown():
            refuse_unsigned_templates(get_settings())
            secret = write_to_folder(store, get_settings(), trial.id, folder, actor=me().actor, suffix=suffix)
            st.session_state[key] = (folder, secret)
    written = st.session_state.get(key)
    if isinstance(written, tuple):
        where, secret = written
        st.success(f"Written to {plain(str(where))}.", icon=":material/check_circle:")
        if secret is not None:
            st.caption("Save the key: it is not in the folder, and facepriv does not keep it.")
            _offer_key(secret, f"{key}-key", f"protected-{trial.id}-key")


def hand_out(trial: ProtectionRecord, prepared: Download, key: str) -> None:
    """Offer the archive and, apart from it, the key."""
    st.success(f"{count(prepared.templates, 'template')} protected.", icon=":material/check_circle:")
    with st.container(horizontal=True):
        st.download_button(
            "Protected templates (zip)",
            prepared.archive,
            file_name=file_name(f"protected-{trial.id}", "zip"),
            mime="application/zip",
            key=f"{key}-archive",
            icon=":material/download:",
            on_click="ignore",
        )
        if prepared.key is not None:
            _offer_key(prepared.key, f"{key}-key", f"protected-{trial.id}-key")


def keep(store: Store, trial: ProtectionRecord) -> None:
    """Offer to keep the protected templates as a template set, and hand out its key."""
    key = f"keep-{trial.id}"
    with st.expander("Keep as a template set", icon=":material/save:"):
        st.write(
            "The protected templates stay in facepriv with people and labels, so that they can be attacked again, "
            "compared and exported. They are deleted with the set that they come from."
        )
        name = st.text_input(
            "Name", f"{trial.template_set_name}-protected-{trial.id}", key=f"{key}-name", max_chars=200
        )
        if st.button("Keep", key=f"{key}-button", icon=":material/save:"):
            with errors_shown():
                st.session_state[key] = keep_protected(store, trial.id, name.strip(), actor=me().actor)
        kept = st.session_state.get(key)
        if isinstance(kept, KeptSet):
            number = count(kept.record.templates, "protected template")
            st.success(f"{number} kept as “{plain(kept.record.name)}”.", icon=":material/check_circle:")
            if kept.key is not None:
                st.caption("New people can be enrolled in it only with its key, which facepriv does not store.")
                _offer_key(kept.key, f"{key}-key", f"kept-{trial.id}-key")


def _offer_key(content: bytes, key: str, name: str) -> None:
    st.download_button(
        "Key file",
        content,
        file_name=file_name(name, "json"),
        mime="application/json",
        key=key,
        icon=":material/key:",
        on_click="ignore",
    )
