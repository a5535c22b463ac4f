"""Models: which can be used, under which licence, and networks of your own."""

from __future__ import annotations

import streamlit as st

from facepriv.errors import FaceprivError
from facepriv.presentation.formats import NOTHING, plain
from facepriv.services.models.catalogue import ModelStatus, list_models
from facepriv.services.models.own_models import add_uploaded, check_model, list_own_models, remove_model
from facepriv.store import Store
from parts.deletion import offer
from parts.figures import show_rows
from parts.shell import me, opened, with_store

TOLD = "model_told"
EXAMPLE = """\
name: my-gender
kind: classifier          # or matcher
licence: as its authors say
source: who made it
network: my-gender.onnx
input:
  size: 112               # pixels along an edge of the square crop
  layout: NCHW            # or NHWC
  colours: RGB            # or BGR
  mean: [127.5, 127.5, 127.5]
  std: 128                # (pixel - mean) / std, pixels 0..255
crop:
  kind: five-points       # or aligned-chip, eye-square, box-square
output:                   # of a matcher: leave labels and meaning out
  name: logits            # any value inside the graph
  meaning: logits         # or probabilities, logit, probability
  labels: [female, male]
"""


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Models")
    st.write(
        "Classifiers judge and guide, matchers tell whether people can still be recognised. Each has a licence of its "
        "own: whether you may use it for your purpose is yours to find out."
    )
    told()
    overview(list_models())
    bring()
    own(store)


def overview(found: list[ModelStatus]) -> None:
    """List all models, and how to get those that are not here."""
    show_rows(
        [
            {
                "Model": one.card.name,
                "Kind": one.kind,
                "State": one.state,
                "Licence": one.card.licence,
                "Size": size(one.bytes),
                "Version": one.card.version if one.usable else NOTHING,
            }
            for one in found
        ]
    )
    lacking = [one for one in found if not one.usable]
    if lacking:
        with st.expander(f"Not usable ({len(lacking)}): why, and what to do", icon=":material/download:"):
            for one in lacking:
                st.markdown(f"**{plain(one.card.name)}**: {plain(one.reason)}")
                if one.how:
                    st.code(one.how, language=None, wrap_lines=True)
    with st.expander("Notes on each", icon=":material/info:"):
        for one in found:
            st.markdown(f"**{plain(one.card.name)}** ({plain(one.card.source)}): {plain(one.card.notes)}")


def bring() -> None:
    """Show the form for a network."""
    turn = st.session_state.get("model_round", 0)
    with st.expander("Add a network of your own", icon=":material/upload_file:"):
        st.write(
            "An ONNX file, and a YAML that says what it reads and gives. Both are checked, and the network is tried on "
            "demo faces, before anything is kept. ONNX Runtime runs it; take files only from people you trust."
        )
        with st.form("model", border=False):
            yaml = st.file_uploader("YAML", type=["yaml", "yml"], key=f"model_yaml-{turn}")
            network = st.file_uploader("ONNX file, all weights inside", type=["onnx"], key=f"model_network-{turn}")
            replace = st.checkbox("In place of my model of that name", key=f"model_replace-{turn}")
            sent = st.form_submit_button("Add", type="primary", icon=":material/add:")
        if sent:
            if yaml is None or network is None:
                st.error("Both files are needed; choose a YAML and an ONNX file and press Add again.")
            else:
                add(yaml.getvalue(), network.getvalue(), replace=replace)
        st.caption("What the YAML looks like")
        st.code(EXAMPLE, language="yaml")
        st.caption(
            "Commands, such as commercial software, can be added by the command line only: whoever adds one can run "
            "any program on this machine."
        )


def add(yaml: bytes, network: bytes, *, replace: bool) -> None:
    """Check and keep what was sent; a mistake is told below the form, which keeps its files."""
    try:
        with st.spinner("Checking, and trying it on demo faces …"), opened() as store:
            added = add_uploaded(store, yaml, network, actor=me().user, replace=replace)
    except FaceprivError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.session_state[TOLD] = [f"Added the {added.own.card.kind} “{added.own.name}”.", *added.findings]
    # A new key makes new fields, and the session lets go of what the old ones hold.
    st.session_state["model_round"] = st.session_state.get("model_round", 0) + 1
    st.rerun()


def own(store: Store) -> None:
    """Offer to check or remove each of the user's own models."""
    found, damaged = list_own_models()
    names = [one.name for one in found] + damaged
    if not names:
        return
    st.header("Your own models")
    chosen = st.selectbox("Model", names, key="own_model")
    if chosen in damaged:
        st.error(f"{plain(chosen)} cannot be read any more; remove it and add it again.", icon=":material/error:")
    elif st.button("Check it again", key="check_model", icon=":material/fact_check:"):
        try:
            with st.spinner("Trying it on demo faces …"):
                notes = check_model(chosen)
        except FaceprivError as error:
            st.error(plain(str(error)), icon=":material/error:")
        else:
            st.success("Its files are unchanged, and its trial went well.", icon=":material/check_circle:")
            for note in notes:
                st.warning(plain(note), icon=":material/warning:")

    def delete(store: Store) -> None:
        remove_model(store, chosen, actor=me().user)
        st.session_state[TOLD] = [f"Removed “{chosen}”."]

    warning = f"Removes {plain(chosen)} and its files. Results made with it stay, but cannot be made again."
    offer("model", warning, f"model {chosen}", delete)


def told() -> None:
    """Tell what the last action of this session came to."""
    first, *notes = st.session_state.pop(TOLD, [""])
    if first:
        st.success(plain(first), icon=":material/check_circle:")
    for note in notes:
        st.warning(plain(note), icon=":material/warning:")


def size(number: int | None) -> str:
    """Write bytes in megabytes; a dash where they are not known."""
    return NOTHING if number is None else f"{number / 1e6:,.1f} MB"


with_store(show)
