"""What is chosen on a page, such as an audit: kept in the address, so that a link opens it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from facepriv.errors import UnknownNameError
from facepriv.presentation.formats import plain

LONGEST = 10
"""Digits from which a number cannot name anything."""


@dataclass(frozen=True)
class Choice:
    """A thing chosen by its number; the widget of that ``key`` chooses among them."""

    key: str
    parameter: str
    """Its name in the address, and for people."""
    get: Callable[[int], object]
    """Looks a number up; raises UnknownNameError."""

    def from_address(self) -> int | None:
        """Return the number in the address when that has changed, else the chosen one; warn about an unknown one."""
        asked = st.query_params.get(self.parameter, "")
        if self.key in st.session_state and st.session_state.get(self._seen) == asked:
            if not self._exists(st.session_state[self.key]):
                st.session_state[self.key] = None
            return self.now()
        st.session_state[self._seen] = asked
        number = int(asked) if asked.isdecimal() and len(asked) < LONGEST else None
        st.session_state[self.key] = number if self._exists(number) else None
        if asked and self.now() is None:
            st.warning(f"There is no {self.parameter} {plain(asked)}; choose one from the list.")
        return self.now()

    def now(self) -> int | None:
        """Return the number chosen."""
        number: int | None = st.session_state.get(self.key)
        return number

    def to_address(self) -> None:
        """Write what is chosen into the address."""
        number = self.now()
        if number is None:
            st.query_params.pop(self.parameter, None)
        else:
            st.query_params[self.parameter] = str(number)
        st.session_state[self._seen] = "" if number is None else str(number)

    def take(self, number: int | None) -> None:
        """Choose a thing, or none; to be called before its widget is shown."""
        st.session_state[self.key] = number
        self.to_address()

    @property
    def _seen(self) -> str:
        return f"_address_{self.key}"

    def _exists(self, number: int | None) -> bool:
        if number is None:
            return False
        try:
            self.get(number)
        except UnknownNameError:
            return False
        return True
