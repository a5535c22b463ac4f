"""Main script: names the pages and runs the one asked for."""

import streamlit as st

from parts.look import STYLE
from parts.mark import mark
from parts.words import LABEL_NOTE

st.set_page_config(page_title="facepriv", page_icon=mark(), layout="wide")

page = st.navigation(
    # Without sections: Streamlit's headings of sections break the list that screen readers announce.
    [
        st.Page("overview.py", title="Overview", icon=":material/home:", default=True),
        st.Page("datasets.py", title="Datasets", icon=":material/photo_library:", url_path="datasets"),
        st.Page("audit.py", title="Audit", icon=":material/search_insights:", url_path="audit"),
        st.Page("perturb.py", title="Perturb", icon=":material/blur_on:", url_path="perturb"),
        st.Page("policy.py", title="Policy", icon=":material/balance:", url_path="policy"),
        st.Page("runs.py", title="Runs", icon=":material/list_alt:", url_path="runs"),
        st.Page("models.py", title="Models", icon=":material/model_training:", url_path="models"),
    ]
)
st.html(STYLE)
page.run()
st.divider()
st.caption(LABEL_NOTE)
