"""Parameters by their earlier names: stored runs keep these, since their results may be signed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NEW_NAMES: dict[str, dict[str, str]] = {
    "algorithm1": {"eta": "margin", "jpeg": "survive_jpeg", "resize": "survive_resize"},
    "colour-field": {"quality": "psnr", "spare_templates": "template_weight"},
    "descent": {"eta": "margin", "pool": "candidate_count", "probe": "slope_step"},
    "semantic": {
        "keep": "similarity",
        "target": "mean_margin",
        "rounds": "trials",
        "quiet": "visibility_weight",
    },
}


def rename_earlier(method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a method under today's names; ``eta``, a score, becomes the margin ``-eta``."""
    names = _NEW_NAMES.get(method, {})
    return {
        names.get(name, name): -value if name == "eta" and "eta" in names and isinstance(value, int | float) else value
        for name, value in parameters.items()
    }
