"""What Streamlit's theme cannot say about the look of the pages."""

from __future__ import annotations

# A choice that is taken is bold and in the text's own colour: in the theme's, as Streamlit has it, it would be told by
# colour alone, and on a dark page its contrast would be too low.
STYLE = """
<style>
[data-testid="stButtonGroup"] [role="radio"][aria-checked="true"] p {
    color: light-dark(#111111, #fafafa);
    font-weight: 700;
}
</style>
"""
