"""Release a run's images: the verdict to be acknowledged, the archive, the key apart from it, what was released."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import streamlit as st

from facepriv.config import get_settings
from facepriv.presentation.formats import plain
from facepriv.presentation.help_texts import KEY_NOTE
from facepriv.presentation.releases import release_row
from facepriv.presentation.verdict import Verdict
from facepriv.schemas.audits import SelectBy
from facepriv.services.audits.verdicts import verdict_of_release
from facepriv.services.releases.key_file import key_json
from facepriv.services.releases.release import PlannedRelease, plan_release, write_planned
from facepriv.services.releases.release_folders import LONGEST, new_release_folder, release_roots
from facepriv.services.sharing.signing_off import require_sign_off
from facepriv.store import AuditRecord, RunRecord, Store
from facepriv.web.releases import OFFERS
from facepriv.wording import count, percent
from parts import verdict as verdicts
from parts.downloads import file_name
from parts.figures import show_rows
from parts.shell import errors_shown, me


@dataclass(frozen=True)
class Prepared:
    """A release that this person may fetch."""

    planned: PlannedRelease
    path: str
    archive: str
    """File name."""
    folder: Path | None = None
    """Folder of the server that it was written to."""


def of_run(store: Store, run: RunRecord, p: float, audit: AuditRecord | None) -> None:
    """Offer the images of a run with a proportion ``p`` changed; ``audit`` is what the page shows of the run."""
    st.header("Release")
    if p == 0:
        st.write("At 0 % no image is perturbed, so there is nothing to release. Choose another proportion above.")
    else:
        offer(store, run, p, audit)
    st.subheader("Released so far")
    list_releases(store, run.dataset_id, none="Nothing yet.")
    if audit is not None:
        st.page_link(
            "audit.py",
            label="Share these results with a privacy officer",
            icon=":material/share:",
            query_params={"audit": str(audit.id)},
        )


def offer(store: Store, run: RunRecord, p: float, audit: AuditRecord | None) -> None:
    """Show the verdict on a release, and prepare it once that was acknowledged."""
    by: SelectBy = "image" if audit is None else audit.spec.select_by
    verdict = verdict_of_release(run, audit, p)
    st.write(
        f"An archive of the images of run {run.id} under their own names: a random {percent(p)} of them perturbed, "
        "none marked, with a manifest. Nobody can call copies back."
    )
    verdicts.show(verdict, f"What is known of this release ({percent(p)} of the images changed)")
    key = f"release-{run.id}-{p:.6g}-{by}"
    acknowledged = st.checkbox("I have read this verdict and what was not tried", key=f"{key}-acknowledged")
    audit_id = None if audit is None else audit.id
    pressed = st.button(
        "Prepare the release", key=f"{key}-prepare", icon=":material/inventory_2:", disabled=not acknowledged
    )
    if pressed:
        with errors_shown(), st.spinner("Drawing the images …"):
            require_sign_off(store, get_settings(), [run.id], audit_id)
            st.session_state[key] = prepare(store, run, p, by, verdict)
    prepared = st.session_state.get(key)
    if isinstance(prepared, Prepared):
        hand_out(store, prepared, key, verdict)
    with st.expander("By command instead, into a folder or an archive", icon=":material/terminal:"):
        st.code(f"facepriv release {run.id} FOLDER --p {p:.6g} --select-by {by}", language=None, wrap_lines=True)
        st.caption(f":material/key: {KEY_NOTE}")


def prepare(store: Store, run: RunRecord, p: float, by: SelectBy, verdict: Verdict) -> Prepared:
    """Draw a key, decide which images are changed, and offer the archive to this person."""
    planned = plan_release(store, {run.id: p}, select_by=by)
    archive = f"facepriv-release-run-{run.id}.zip"
    path = OFFERS.add(planned, verdict=verdict.sentence, actor=me().actor, holder=me().holder, file_name=archive)
    return Prepared(planned, path, archive)


def hand_out(store: Store, prepared: Prepared, key: str, verdict: Verdict) -> None:
    """Show the two files of a release, and what there is to know of them."""
    planned = prepared.planned
    st.success(
        f"{count(len(planned.kept), 'image')} ready, {planned.perturbed:,} of them perturbed. Save **both** files and "
        "keep them apart: whoever has the key can tell which images were perturbed. facepriv does not keep the key.",
        icon=":material/check_circle:",
    )
    if planned.left_out:
        st.caption(f"{count(planned.left_out, 'image')} without a stored file left out.")
    if planned.not_perturbable:
        st.warning(
            f"{count(planned.not_perturbable, 'image')} could not be perturbed and can only be released unchanged. "
            "Anyone who finds out which ones learns their gender.",
            icon=":material/warning:",
        )
    for sentence in planned.warnings:
        st.warning(plain(sentence), icon=":material/warning:")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "1. Key file",
            key_json(planned.key_content()),
            file_name=file_name(f"{prepared.archive.removesuffix('.zip')}-policy-key", "json"),
            mime="application/json",
            key=f"{key}-key",
            icon=":material/key:",
            on_click="ignore",
        )
        st.html(
            f'<a class="facepriv-button" href="{escape(prepared.path)}" download="{escape(prepared.archive)}">'
            "2. Images (zip)</a>"
        )
    st.caption("Both are for you alone, for up to one hour. The archive is made while it is sent.")
    folder = ask_for_folder(prepared.archive.removesuffix(".zip"), key)
    if folder is not None:
        with errors_shown():
            into_folder(store, planned, folder, verdict)
            prepared = st.session_state[key] = replace(prepared, folder=folder)
    if prepared.folder is not None:
        st.success(f"Written to {plain(str(prepared.folder))}. Save the key file, too: it is not in the folder.")


def ask_for_folder(name: str, key: str) -> Path | None:
    """Ask for a new folder of the server to release into, where the settings allow any; return it once it is wanted."""
    roots = [root.as_posix() for root in release_roots(get_settings())]
    if not roots:
        return None
    with st.expander("Into a folder on the server instead", icon=":material/folder:"):
        left, right = st.columns(2)
        root = left.selectbox("In the folder", roots, format_func=plain, key=f"{key}-root")
        named = right.text_input("Name of the new folder", name, key=f"{key}-folder", max_chars=LONGEST)
        if st.button("Write the folder", key=f"{key}-write", icon=":material/drive_file_move:"):
            with errors_shown():
                return new_release_folder(get_settings(), root, named)
    return None


def into_folder(store: Store, planned: PlannedRelease, folder: Path, verdict: Verdict) -> None:
    """Write a release into a folder, with its progress; who leaves the page meanwhile stops it, and nothing is left."""
    total = len(planned.kept) + 1
    bar = st.progress(0.0, "Writing …")

    def show(done: int) -> None:
        bar.progress(done / total, f"Writing: {done:,} of {total:,} files")

    write_planned(store, planned, folder, actor=me().actor, verdict=verdict.sentence, key_file=None, on_file=show)
    bar.empty()


def list_releases(
    store: Store, dataset_id: int | None = None, *, template_set_id: int | None = None, none: str
) -> None:
    """List what was released of a data set or template set, by whom, with which hash; say ``none`` for nothing."""
    released = store.releases.list(dataset_id=dataset_id, template_set_id=template_set_id)
    if not released:
        st.caption(none)
        return
    show_rows([release_row(record) for record in released])
    st.caption("The hash is of the manifest, which names the hashes of the files. It tells copies apart.")
