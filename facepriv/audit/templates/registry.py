"""Attackers on templates by name."""

from __future__ import annotations

from facepriv.audit.templates.base import TemplateAttacker
from facepriv.registry import Registry

template_attackers: Registry[TemplateAttacker] = Registry(
    "attacker on templates",
    "facepriv.templateattackers",
    {
        "linear": "facepriv.audit.templates.probes:Linear",
        "rbf": "facepriv.audit.templates.probes:Rbf",
        "boosted": "facepriv.audit.templates.probes:Boosted",
        "neighbours": "facepriv.audit.templates.probes:Neighbours",
        "neural": "facepriv.audit.templates.probes:Neural",
        "top-k": "facepriv.audit.templates.top_k:TopK",
        "clusters": "facepriv.audit.templates.clusters:Clusters",
    },
)
