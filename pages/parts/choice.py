"""What is chosen on a page, such as an audit: kept in the address, so that a link opens it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from facepriv.errors import DeletedError, UnknownNameError
from facepriv.presentation.formats import plain

LONGEST = 10
"""Digits from which a number cannot name anything."""


@dataclass(frozen=True)
class Choice:
    """One thing, or several, chosen by number; the widget of that ``key`` chooses among them."""

    key: str
    parameter: str
    """Its name in the address, and for people."""
    get: Callable[[int], object]
    """Looks a number up; raises UnknownNameError."""
    several: bool = False

    def from_address(self) -> None:
        """Take the numbers in the address (``?run=3&run=4``) when it has changed, and warn about unknown ones."""
        asked = st.query_params.get_all(self.parameter)
        if self.key in st.session_state and st.session_state.get(self._seen) == asked:
            self._choose([number for number in self.numbers() if self._exists(number)])
            return
        st.session_state[self._seen] = asked
        texts = asked if self.several else asked[-1:]
        numbers = {text: int(text) for text in texts if text.isdecimal() and len(text) < LONGEST}
        known = {text: number for text, number in numbers.items() if self._exists(number)}
        self._choose(list(dict.fromkeys(known.values())))
        unknown = [text for text in texts if text not in known]
        for text in [text for text in unknown if text in numbers]:
            deleted = self._deleted(numbers[text])
            if deleted:
                st.warning(plain(deleted), icon=":material/delete:")
                unknown.remove(text)
        if unknown:
            st.warning(f"There is no {self.parameter} {plain(', '.join(unknown))}; choose one from the list.")

    def now(self) -> int | None:
        """Return the number chosen, of several the first; None if nothing is chosen."""
        return next(iter(self.numbers()), None)

    def numbers(self) -> list[int]:
        """Return all numbers chosen."""
        chosen = st.session_state.get(self.key)
        if self.several:
            return list(chosen or ())
        return [] if chosen is None else [chosen]

    def to_address(self) -> None:
        """Write what is chosen into the address."""
        chosen = [str(number) for number in self.numbers()]
        st.query_params[self.parameter] = chosen
        st.session_state[self._seen] = chosen

    def take(self, *numbers: int) -> None:
        """Choose these, or nothing; to be called before the widget is shown."""
        self._choose(list(numbers))
        self.to_address()

    def _choose(self, numbers: list[int]) -> None:
        st.session_state[self.key] = numbers if self.several else next(iter(numbers), None)

    @property
    def _seen(self) -> str:
        return f"_address_{self.key}"

    def _deleted(self, number: int) -> str:
        """Say until when something can be restored, if it was deleted; else nothing."""
        try:
            self.get(number)
        except DeletedError as error:
            return str(error)
        except UnknownNameError:
            return ""
        return ""

    def _exists(self, number: int) -> bool:
        try:
            self.get(number)
        except UnknownNameError:
            return False
        return True
