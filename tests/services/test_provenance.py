from __future__ import annotations

from importlib.metadata import version

from facepriv.results import ModelRef
from facepriv.services.provenance import COMPUTING, maker


def test_what_is_kept_is_another_makers_once_anything_but_the_image_has_changed(monkeypatch):
    """Weights, facepriv, a plug-in's own release, and every library that computes."""
    ref = ModelRef(name="dlib-gender", version="a")
    makers = [maker(ref), maker(ref.model_copy(update={"version": "b"})), maker(ref.model_copy(update={"name": "c"}))]
    with monkeypatch.context() as patched:
        patched.setattr("facepriv.__version__", "0.0.0")
        makers.append(maker(ref))
    with monkeypatch.context() as patched:
        patched.setattr("facepriv.services.provenance.classifiers.release", lambda name: f"plug-in of {name} 2")
        makers.append(maker(ref))
    for library in COMPUTING:
        with monkeypatch.context() as patched:
            patched.setattr(
                "facepriv.services.provenance.version",
                lambda name, new=library: "new" if name == new else version(name),
            )
            makers.append(maker(ref))
    makers.append(maker(ref, makers[1]))
    assert len(set(makers)) == len(makers) == 6 + len(COMPUTING)
    assert maker(ref) == makers[0]
