"""Start a job: its promised time before, a warning where just this was asked for already, and a worker for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from facepriv.config import get_settings
from facepriv.errors import FaceprivError, SameJobError
from facepriv.presentation.formats import plain
from facepriv.schemas.plans import JobPlan
from facepriv.schemas.requests import Request
from facepriv.services.jobs.local_worker import ensure_worker
from facepriv.services.jobs.submit import submit
from facepriv.store import Store
from facepriv.wording import some_time
from parts.jobs import link
from parts.shell import me

ASKED = "_asked"
"""What the session was warned of when it asked for it, to be asked for again."""


def promise(plan: Callable[[], JobPlan], lead: str = "It will take ") -> None:
    """Say how long a job will take; nothing where that cannot be told, as the press of the button will say why."""
    try:
        found = plan()
    except FaceprivError:
        return
    st.write(f"{lead}**{some_time(found.low, found.high)}** on this machine, all stages together ({found.basis}).")


def start(store: Store, request: Request) -> Any:
    """Put a job into the queue and return its record; None where it was refused, or is to be confirmed first.

    What was asked for before, and is done or is to be, is done again only if the button is pressed once more.
    """
    asked = f"{request.kind} {request.model_dump_json()}"
    try:
        record = submit(store, get_settings(), request, me().actor, again=st.session_state.get(ASKED) == asked)
    except SameJobError as error:
        st.session_state[ASKED] = asked
        st.warning(f"{plain(str(error))} To do the same again, press the button once more.", icon=":material/repeat:")
        link(error.kind, error.number)
        return None
    except FaceprivError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    st.session_state.pop(ASKED, None)
    ensure_worker(get_settings())
    return record
