"""What a browser may say to a page's script: what Streamlit's own pages need, and none of its developers' tools."""

from __future__ import annotations

import pytest
from streamlit.proto.BackMsg_pb2 import BackendOperationRequest, BackMsg

from app import MESSAGES, is_page_message

KINDS = [field for field in BackMsg.DESCRIPTOR.fields if field.name != "backend_operation_request"]
OPERATIONS = BackendOperationRequest.DESCRIPTOR.oneofs_by_name["payload"].fields


def message(kind: str, **more: object) -> bytes:
    told = BackMsg(**more)
    part = getattr(told, kind)
    if isinstance(part, bool):
        setattr(told, kind, True)
    else:
        part.SetInParent()
    return told.SerializeToString()


def operation(kind: str) -> bytes:
    asked = BackMsg()
    getattr(asked.backend_operation_request, kind).SetInParent()
    return asked.SerializeToString()


def test_what_pages_say_is_let_through():
    let_through = {field.name for field in KINDS if is_page_message(message(field.name))}
    let_through |= {field.name for field in OPERATIONS if is_page_message(operation(field.name))}
    assert let_through == set(MESSAGES)


@pytest.mark.parametrize("kind", ["clear_cache", "load_git_info", "set_run_on_save", "debug_shutdown_runtime"])
def test_developers_tools_are_not(kind):
    assert not is_page_message(message(kind))
    # Of several kinds in one message the last counts, for Streamlit and here.
    assert not is_page_message(message("rerun_script") + message(kind))
    assert is_page_message(message(kind) + message("rerun_script"))


def test_nor_is_what_would_write_into_the_programs_folder():
    assert not is_page_message(operation("install_skills"))


def test_nor_is_what_says_nothing():
    assert not is_page_message(b"")
    assert not is_page_message(b"\xff\xff\xff")
    assert not is_page_message(BackMsg(backend_operation_request={}).SerializeToString())
