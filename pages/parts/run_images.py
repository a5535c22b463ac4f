"""A run's images: a list a page at a time, and one image before and after."""

from __future__ import annotations

from typing import Any

import streamlit as st

from facepriv.charts.trajectory import trajectory
from facepriv.classify.registry import classifiers
from facepriv.imaging.panel import PANEL
from facepriv.imaging.png import encode_png
from facepriv.imaging.quality import GAIN
from facepriv.perturb.registry import PAPER_METHOD
from facepriv.presentation.formats import NOTHING, plain
from facepriv.presentation.run_tables import number
from facepriv.schemas.runs import STOP_TITLES
from facepriv.services.runs.attributes import classes_of, label_by
from facepriv.services.runs.pictures import Pair, run_pair
from facepriv.store import ImageRecord, RunImage, RunRecord, Store
from facepriv.types import GENDER, Image
from facepriv.web.viewer import PairView, ViewerImage
from facepriv.wording import duration
from parts import faces
from parts.figures import page_of, show_figure, show_rows
from parts.shell import record_view

PER_PAGE = 25
IMAGE = "image"
"""In the address: number of the image that is shown before and after."""
SHORT = {"jpeg90": "JPEG 90", "resize75": "resize to 75 %", "grey": "greyscale", "mirror": "mirror"}


def show(store: Store, run: RunRecord) -> None:
    """Show a page of the list and the image chosen from it."""
    offset = page_of(run.images, PER_PAGE, f"images-{run.id}")
    records = store.runs.run_images(run.id, limit=PER_PAGE, offset=offset)
    ids = [record.image_id for record in records]
    images = {image.id: image for image in store.datasets.images(run.dataset_id, ids=ids)}
    key = f"pair-{run.id}-{offset}"
    asked = st.query_params.get(IMAGE, "")

    def to_address() -> None:
        st.query_params[IMAGE] = str(st.session_state[key])

    # By number: the address of a page names no file, which may bear a person's name.
    chosen = st.selectbox(
        "Image",
        ids,
        index=next((place for place, number in enumerate(ids) if str(number) == asked), 0),
        format_func=lambda i: images[i].name,
        key=key,
        on_change=to_address,
    )
    if chosen is not None:
        pair(store, run, chosen)
    st.subheader("All images of this page", divider="gray")
    show_rows([_row(record, images[record.image_id]) for record in records])


def _row(record: RunImage, image: ImageRecord) -> dict[str, str]:
    path = record.trajectory
    return {
        "Image": image.name,
        "Label": faces.label_name(image.label),
        "Outcome": outcome(record),
        "Updates": NOTHING if record.updates is None else f"{record.updates:,}",
        "Evaluations": NOTHING if record.evaluations is None else f"{record.evaluations:,}",
        "Score before": NOTHING if path is None or not len(path) else f"{path[0]:+.2f}",
        "Score after": NOTHING if record.file_score is None else f"{record.file_score:+.2f}",
        "Flip survives": holds(record),
        "PSNR (dB)": number(record.psnr_db),
        "SSIM": number(record.ssim, 3),
    }


def holds(record: RunImage) -> str:
    """Return the versions of the file in which the flip survives; a dash where none was tried."""
    if not record.survived:
        return NOTHING
    usual = [SHORT.get(name, name) for name, still in record.survived.items() if still and name not in PANEL]
    panel = [still for name, still in record.survived.items() if name in PANEL]
    if panel:
        usual.append(f"{sum(panel)} of {len(panel)} on the panel")
    return ", ".join(usual) or "none"


def outcome(record: RunImage) -> str:
    """Return the outcome of an image in a few words."""
    if record.failure is not None:
        return f"failed: {record.failure}"
    if record.success:
        return STOP_TITLES[record.stop if record.stop in ("already-wrong", "landed") else "flipped"]
    return f"{ended(record)}, not flipped"


def ended(record: RunImage) -> str:
    """Return why perturbing ended."""
    return STOP_TITLES.get(record.stop or "", record.stop or NOTHING)


def pair(store: Store, run: RunRecord, image_id: int) -> None:
    """Show one image before and after, the difference, and the score over the updates."""
    record_view(store, "faces-viewed", f"run {run.id}", f"pair of image {image_id}")
    views = run_pair(store, run.id, image_id)
    record = views.record
    faces.viewer(pair_view(store, views))
    if record.failure_sentence:
        st.warning(plain(record.failure_sentence), icon=":material/warning:")
    if record.trajectory is not None and len(record.trajectory):
        label, words = side(run, views.image, float(record.trajectory[0]))
        st.markdown(f"**Score of {run.guide} over the updates**")
        step = "updates (triangle steps)" if run.method == PAPER_METHOD else "updates (accepted steps)"
        margin = run.spec.parameters.get("margin")
        stopping = float(margin) if isinstance(margin, int | float) else None
        figure = trajectory(record.trajectory, record.anchors, label, stopping, step=step, **words)
        after = "no face found" if record.file_score is None else f"{record.file_score:+.2f} nats"
        show_figure(
            figure,
            f"trajectory-{run.id}-{image_id}",
            f"Score from {record.trajectory[0]:+.2f} to {after} on the stored file",
        )
        took = "" if record.seconds is None else f" It took {duration(record.seconds)}."
        # A flipped image may have ended for another reason, such as a floor that no further step would keep.
        why = "" if record.stop in (None, "flipped", "already-wrong") else f" (ended by: {ended(record)})"
        again = " At each diamond the method located the face again and re-anchored the crop on it."
        st.caption(
            f"{outcome(record).capitalize()}{why}. Score on the stored file, with the face located again: "
            f"{after}.{took}" + (again if record.anchors else "")
        )
        if record.survived:
            fixed = "" if record.fixed_score is None else f" Under the original's crop: {record.fixed_score:+.2f} nats."
            st.caption(f"The flip survives: {holds(record)}.{fixed}")
    for note in record.notes:
        st.caption(f":material/info: {plain(note)}")


def side(run: RunRecord, image: ImageRecord, score: float) -> tuple[int, dict[str, Any]]:
    """Return the side that the method moved an image away from, and what the chart calls the two sides."""
    verdict = 1 if score >= 0 else -1
    if run.spec.attribute == GENDER:
        return image.label or verdict, {}
    guide = classifiers.create(run.guide)
    classes = classes_of(guide)
    axis = f"score of {classes.attribute}, log-odds in nats ({classes.positive} above 0)"
    return label_by(guide, image) or verdict, {"classes": {1: classes.positive, -1: classes.negative}, "axis": axis}


def pair_view(store: Store, views: Pair) -> PairView:
    """Serve the pictures, stored ones as the very files, and caption them."""
    who = f"{views.image.name}, labelled {faces.label_name(views.image.label)}"
    height, width = views.before.shape[:2]

    def stored(sha256: str | None, caption: str, alt: str) -> ViewerImage | None:
        return None if sha256 is None else ViewerImage(faces.address(store.artifacts.get(sha256)), caption, alt)

    def drawn(pixels: Image | None, caption: str, alt: str) -> ViewerImage | None:
        return None if pixels is None else ViewerImage(faces.address(encode_png(pixels)), caption, alt)

    before = stored(views.image.artifact_sha256, "Before", f"Before: {who}")
    assert before is not None  # as its pixels were read
    return PairView(
        title=f"Before and after: {who}",
        width=width,
        height=height,
        before=before,
        after=stored(views.record.artifact_sha256, "After, as stored", f"After: {who}"),
        difference=drawn(
            views.difference, f"Difference, amplified {GAIN:g} times", f"Difference: {who}; grey means no change"
        ),
        difference_note="Grey means no change; lighter means more, darker less, in each of the three colours.",
        candidate=drawn(
            views.candidate,
            f"Blended-in candidate: {views.candidate_name}",
            f"The candidate face: {views.candidate_name}",
        ),
        # Only methods that blend a candidate in work on triangles.
        mesh=[] if views.candidate is None else views.mesh,
    )
