from __future__ import annotations

from importlib.metadata import version

from facepriv.imaging.landmarkers.registry import landmarkers
from facepriv.measures.fingerprint import COMPUTING, maker, points_maker
from facepriv.schemas.runs import ModelRef


def test_what_is_kept_is_another_makers_once_anything_but_the_image_has_changed(monkeypatch):
    """Weights, facepriv, a plug-in's own release, and every library that computes."""
    ref = ModelRef(name="dlib-gender", version="a")
    makers = [maker(ref), maker(ref.model_copy(update={"version": "b"})), maker(ref.model_copy(update={"name": "c"}))]
    with monkeypatch.context() as patched:
        patched.setattr("facepriv.__version__", "0.0.0")
        makers.append(maker(ref))
    with monkeypatch.context() as patched:
        patched.setattr("facepriv.measures.fingerprint.classifiers.release", lambda name: f"plug-in of {name} 2")
        makers.append(maker(ref))
    for library in COMPUTING:
        with monkeypatch.context() as patched:
            patched.setattr(
                "facepriv.measures.fingerprint.version",
                lambda name, new=library: "new" if name == new else version(name),
            )
            makers.append(maker(ref))
    makers.append(maker(ref, makers[1]))
    assert len(set(makers)) == len(makers) == 6 + len(COMPUTING)
    assert maker(ref) == makers[0]


def test_points_are_another_makers_once_their_library_was_built_anew(monkeypatch):
    dlib, stasm = (landmarkers.create(name) for name in ("dlib-68", "stasm-77"))
    makers = [points_maker(stasm), points_maker(dlib), points_maker(stasm, "another detector")]
    with monkeypatch.context() as patched:
        patched.setattr(type(stasm), "build", "another build")
        makers.append(points_maker(stasm))
    with monkeypatch.context() as patched:
        patched.setattr("facepriv.measures.fingerprint.landmarkers.release", lambda name: f"plug-in of {name} 2")
        makers.append(points_maker(stasm))
    assert len(set(makers)) == len(makers)
    assert points_maker(stasm) == makers[0]
