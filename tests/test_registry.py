"""Plug-ins are found by name; an unknown name says which are known; listing imports nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from facepriv.classify.registry import classifiers
from facepriv.errors import BadInputError, UnknownNameError
from facepriv.registry import Registry


def test_unknown_name_lists_the_known():
    with pytest.raises(UnknownNameError, match="dlib-gender, levi-hassner"):
        classifiers.create("no-such")


def test_creates_with_options():
    registry = Registry("counter", "facepriv.test", {"counter": "collections:Counter"})
    assert registry.create("counter", a=2) == {"a": 2}


class Valued:
    option = "size"

    def __init__(self, size: object = 7) -> None:
        self.size = size


@pytest.fixture
def valued() -> Registry:
    return Registry("thing", "facepriv.test", {"valued": f"{__name__}:Valued", "plain": "collections:Counter"})


@pytest.mark.parametrize(
    ("name", "size"), [("valued", 7), ("valued@40", 40), ("valued@red", "red"), ("valued@-1", "-1")]
)
def test_a_name_may_hold_a_value(valued, name, size):
    assert valued.create(name).size == size
    assert valued.resolve(name) == "valued"
    assert valued.load(name) is Valued
    assert valued.release(name) == ""


@pytest.mark.parametrize("name", ["plain@4", "valued@"])
def test_a_value_that_has_no_place(valued, name):
    with pytest.raises(BadInputError) as caught:
        valued.create(name)
    assert caught.value.code == "takes-no-value"


def test_entry_points_are_merged_behind_the_built_in(monkeypatch):
    from importlib.metadata import EntryPoint

    found = [EntryPoint("extra", "collections:OrderedDict", "g"), EntryPoint("own", "collections:deque", "g")]
    monkeypatch.setattr("facepriv.registry.entry_points", lambda group: found)
    registry = Registry("thing", "g", {"own": "collections:Counter"})
    assert registry.names() == ["own", "extra"]
    assert registry.load("own").__name__ == "Counter"


def test_a_plug_in_of_elsewhere_has_a_release(monkeypatch):
    from importlib.metadata import entry_points

    point = next(iter(entry_points(group="console_scripts", name="pytest")))
    monkeypatch.setattr("facepriv.registry.entry_points", lambda group: [point])
    registry = Registry("thing", "g", {"own": "collections:Counter"}, aliases={"best": "own"})
    assert registry.release("pytest") == f"pytest {pytest.__version__}"
    assert registry.release("own") == registry.release("best") == ""


def test_the_command_line_starts_without_heavy_imports():
    code = (
        "import sys, facepriv.cli, facepriv.measures.loaded_models, facepriv.services.models.catalogue\n"
        "heavy = {'deepface','dlib','onnxruntime','onnx','sklearn','skimage','plotly','streamlit','cv2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
