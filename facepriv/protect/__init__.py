"""Protections: maps on templates that take gender out of them.

Production applies a fitted one in three lines::

    import facepriv.protect as fp
    fitted = fp.load("map.npz")
    protected = fitted.protect(rows, subjects, key=key)
"""

from __future__ import annotations

from facepriv.protect.fitted_file import load_fitted as load

__all__ = ["load"]
