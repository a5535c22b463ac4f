"""Fits that a process has made already, by the content of what they were made from.

The same people at another proportion of perturbed images give the same untouched and the same perturbed images, so what
is learnt from these need not be learnt again at each proportion.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cached_property
from hashlib import blake2b
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

_SHARE = 0.1
"""Share of a memory that one fit may take: of large sets, little would fit in."""

Fit = TypeVar("Fit")


class Content:
    """What fits are made from: arrays, hashed once for all the fits that are asked for of them."""

    def __init__(self, *arrays: NDArray[np.generic]) -> None:
        self._arrays = arrays
        self.size = sum(array.nbytes for array in arrays)
        """Bytes."""

    @cached_property
    def digest(self) -> bytes:
        """Hash of types, shapes and values."""
        digest = blake2b(digest_size=16)
        for array in self._arrays:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.digest()


class Memory(Generic[Fit]):
    """Keeps the fits that were used last, as many as the tables that they were made from have ``most_bytes``."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._fits: OrderedDict[Hashable, tuple[Fit, int]] = OrderedDict()
        self._lock = Lock()

    def find(self, name: Hashable, content: Content, fit: Callable[[], Fit]) -> Fit:
        """Return what ``fit`` gave when it was last called with this name and this content, or call it.

        Parameters
        ----------
        name : everything that the fit depends on beside the content.
        fit : gives the same with the same name and content; nobody changes what it gives.
        """
        size = content.size
        if size > _SHARE * self._most_bytes:
            return fit()
        key = (name, content.digest)
        with self._lock:
            if key in self._fits:
                self._fits.move_to_end(key)
                return self._fits[key][0]
        made = fit()
        with self._lock:
            if key not in self._fits:
                self._fits[key] = made, size
                self._bytes += size
            while self._bytes > self._most_bytes:
                self._bytes -= self._fits.popitem(last=False)[1][1]
        return made
