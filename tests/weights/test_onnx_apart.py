"""A graph without end or measure ends its process, and is told in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from facepriv.errors import ModelUnavailableError
from facepriv.weights.onnx_apart import ApartSession, LimitError
from facepriv.weights.onnx_session import make_session
from tests.own_model_files import write_gender

BATCH = np.ones((2, 3), np.float32)


def graph(*nodes: onnx.NodeProto, initializers: tuple[onnx.TensorProto, ...] = ()) -> bytes:
    """A model that reads x (n, 3) and writes y."""
    made = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        list(initializers),
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()


def doubling() -> bytes:
    return graph(helper.make_node("Add", ["x", "x"], ["y"]))


def endless() -> bytes:
    """A loop whose condition stays true."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Sin", ["v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, None),
        ],
    )
    true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
    return graph(helper.make_node("Loop", ["", "true", "x"], ["y"], body=body), initializers=(true,))


def huge() -> bytes:
    """A tensor of 12 GB, of a size that is known only when it runs."""
    return graph(
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Mul", ["shape", "many"], ["size"]),
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["y"], keepdims=0),
        initializers=(helper.make_tensor("many", TensorProto.INT64, [2], [50_000, 10_000]),),
    )


def test_it_computes_what_a_session_here_does(tmp_path: Path):
    file = write_gender(tmp_path).with_name("gender.onnx")
    images = np.random.default_rng(0).normal(size=(3, 3, 32, 32)).astype(np.float32)
    here = make_session(file)
    (name,), (output,) = ([each.name for each in part] for part in (here.get_inputs(), here.get_outputs()))
    apart = ApartSession(file.read_bytes())
    np.testing.assert_array_equal(apart.run([output], {name: images})[0], here.run([output], {name: images})[0])


@pytest.mark.parametrize(
    ("made", "limits", "says"),
    [
        (endless, {"seconds": 1.5}, "run on a batch of images within 1.5 seconds"),
        (huge, {"memory": 1 << 30}, "more than 1.0 GiB of memory"),
    ],
)
def test_what_goes_beyond_a_limit_is_ended_and_told(made, limits, says: str):
    session = ApartSession(made(), **limits)
    for _ in range(2):  # and again, in a process of its own
        with pytest.raises(LimitError, match=says):
            session.run(["y"], {"x": BATCH})


def test_the_next_call_after_an_end_is_answered():
    session = ApartSession(doubling())
    session._process.close()
    np.testing.assert_array_equal(session.run(["y"], {"x": BATCH})[0], 2 * BATCH)


def test_what_is_no_graph_or_cannot_be_run_is_told():
    with pytest.raises(ModelUnavailableError, match="cannot open"):
        ApartSession(b"no graph")
    session = ApartSession(doubling())
    with pytest.raises(ModelUnavailableError) as caught:
        session.run(["y"], {"x": np.ones((2, 4), np.float32)})
    assert not isinstance(caught.value, LimitError)
    np.testing.assert_array_equal(session.run(["y"], {"x": BATCH})[0], 2 * BATCH)
