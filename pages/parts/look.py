"""Styles that Streamlit's theme cannot express."""

from __future__ import annotations

# A choice that is taken is bold and in the text's own colour: in the theme's, as Streamlit has it, it would be told by
# colour alone, and on a dark page its contrast would be too low.
# Commands in captions, too, have the colour of the caption, and what a slider stands at that of the text.
#
# On a phone a table is scrolled sideways rather than squeezed until each word has a line of its own.
STYLE = """
<style>
[data-testid="stButtonGroup"] [role="radio"][aria-checked="true"] p {
    color: light-dark(#111111, #fafafa);
    font-weight: 700;
}
[data-testid="stCaptionContainer"] code { color: inherit; }
[data-testid="stSlider"] [data-testid="stSliderThumbValue"] { color: inherit; }
@media (max-width: 640px) {
    [data-testid="stTable"] :is(td, th) [data-testid="stMarkdownContainer"] { width: max-content; max-width: 15rem; }
}
</style>
"""
