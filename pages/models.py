"""Models: which are usable, under which licence, and networks of your own."""

from __future__ import annotations

import streamlit as st

from facepriv.own_models.stored import list_readable, list_unreadable
from facepriv.presentation.formats import NOTHING, plain
from facepriv.services.models.catalogue import ModelStatus, list_models
from facepriv.services.models.own_models import add_uploaded, check_model, remove_model
from facepriv.store import Store
from facepriv.wording import size_of
from parts.deletion import offer
from parts.figures import show_rows
from parts.shell import errors_shown, me, opened, with_store

DONE = "model_done"
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
  meaning: logits         # or probabilities, logit, probability; or apply: softmax, sigmoid, argmax
  columns: [0, 1]         # which numbers of the output, from 0; leave out if it has no others
  labels: [female, male]
"""


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Models")
    st.write(
        "Classifiers judge and guide; matchers show whether people can still be recognised. Each model has its own "
        "licence: check that it allows your use."
    )
    if DONE in st.session_state:
        show_outcome(*st.session_state.pop(DONE))
    overview(list_models())
    bring()
    own(store)


def overview(models: list[ModelStatus]) -> None:
    """List all models, and how to get missing ones."""
    show_rows(
        [
            {
                "Model": model.card.name,
                "Kind": model.kind,
                "State": model.state,
                "Licence": model.card.licence,
                "Size": NOTHING if model.bytes is None else size_of(model.bytes),
                "Version": model.card.version if model.usable else NOTHING,
            }
            for model in models
        ]
    )
    lacking = [model for model in models if not model.usable]
    if lacking:
        with st.expander(f"Not usable ({len(lacking)}): reasons and remedies", icon=":material/download:"):
            for model in lacking:
                st.markdown(f"**{plain(model.card.name)}**: {plain(model.reason)}")
                if model.how:
                    st.code(model.how, language=None, wrap_lines=True)
    with st.expander("Notes on each", icon=":material/info:"):
        for model in models:
            st.markdown(f"**{plain(model.card.name)}** ({plain(model.card.source)}): {plain(model.card.notes)}")


def bring() -> None:
    """Show the form that adds a network."""
    turn = st.session_state.get("model_round", 0)
    with st.expander("Add a network of your own", icon=":material/upload_file:"):
        st.write(
            "Upload an ONNX file and a YAML file that describes its input and output. Both are checked, and the "
            "network is tried on demo faces, before they are saved. ONNX Runtime runs it; use only files from people "
            "you trust."
        )
        with st.form("model", border=False):
            yaml = st.file_uploader("YAML", type=["yaml", "yml"], key=f"model_yaml-{turn}")
            network = st.file_uploader("ONNX file including all weights", type=["onnx"], key=f"model_network-{turn}")
            replace = st.checkbox("Replace my model of the same name", key=f"model_replace-{turn}")
            sent = st.form_submit_button("Add", type="primary", icon=":material/add:")
        if sent:
            if yaml is None or network is None:
                st.error("Both files are needed. Choose a YAML and an ONNX file and press Add again.")
            else:
                add(yaml.getvalue(), network.getvalue(), replace=replace)
        st.caption("Example of the YAML file")
        st.code(EXAMPLE, language="yaml", wrap_lines=True)
        st.caption(
            "Commands, such as commercial software, can only be added on the command line, since anyone who adds one "
            "can run any program on this machine."
        )


def add(yaml: bytes, network: bytes, *, replace: bool) -> None:
    """Check and save the uploaded files; show a mistake below the form, which keeps them."""
    with errors_shown():
        with st.spinner("Checking and trying it on demo faces …"), opened() as store:
            added = add_uploaded(store, yaml, network, actor=me().actor, replace=replace)
        st.session_state[DONE] = [f"Added the {added.card.kind} “{added.name}”.", *added.description.found]
        # A new key makes new, empty fields, and the session drops the old files.
        st.session_state["model_round"] = st.session_state.get("model_round", 0) + 1
        st.rerun()


def own(store: Store) -> None:
    """Offer to check or remove each of the user's own models."""
    damaged = list_unreadable()
    names = [model.name for model in list_readable()] + damaged
    if not names:
        return
    st.header("Your own models")
    chosen = st.selectbox("Model", names, key="own_model")
    if chosen in damaged:
        st.error(f"{plain(chosen)} is damaged. Remove it and add it again.", icon=":material/error:")
    elif st.button("Check it again", key="check_model", icon=":material/fact_check:"):
        with errors_shown():
            with st.spinner("Trying it on demo faces …"):
                notes = check_model(chosen)
            show_outcome("The files are unchanged, and the trial succeeded.", *notes)

    def delete(store: Store) -> None:
        remove_model(store, chosen, actor=me().actor)
        st.session_state[DONE] = [f"Removed “{chosen}”."]

    warning = f"This removes {plain(chosen)} and its files. Its results stay but can no longer be repeated."
    offer("model", warning, f"model {chosen}", delete)


def show_outcome(done: str, *notes: str) -> None:
    """Show what an action did, and what deserves attention."""
    st.success(plain(done), icon=":material/check_circle:")
    for note in notes:
        st.warning(plain(note), icon=":material/warning:")


with_store(show)
