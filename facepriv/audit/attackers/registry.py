"""Attackers by name."""

from __future__ import annotations

from facepriv.audit.attackers.base import Attacker
from facepriv.registry import Registry

attackers: Registry[Attacker] = Registry(
    "attacker",
    "facepriv.attackers",
    {
        "sign": "facepriv.audit.attackers.sign:Sign",
        "score": "facepriv.audit.attackers.score:Score",
        "ensemble": "facepriv.audit.attackers.ensemble:Ensemble",
        "template": "facepriv.audit.attackers.template:Template",
        "detector": "facepriv.audit.attackers.detector:Detector",
        "retrained": "facepriv.audit.attackers.retrained:Retrained",
        "texture": "facepriv.audit.attackers.texture:Texture",
        "restoring": "facepriv.audit.attackers.restoring:Restoring",
        "joined": "facepriv.audit.attackers.joined:Joined",
        "several-images": "facepriv.audit.attackers.several_images:SeveralImages",
        "pooled": "facepriv.audit.attackers.pooled:Pooled",
    },
)
