"""Find plug-ins by name: built-in ones and those of the entry-point groups."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from operator import attrgetter
from typing import Any, Generic, TypeVar

from facepriv.errors import BadInputError, UnknownNameError

T = TypeVar("T")
VALUE = "@"
"""Separates a name from the value of the plug-in's one option."""


class Registry(Generic[T]):
    """Names to factories, written as lazy ``"module:attribute"`` strings so that listing imports nothing.

    Entry points of ``group`` are merged in; a built-in name cannot be replaced. An alias is a further name of a
    registered plug-in, such as ``recommended``; it is not listed. ``more`` returns further names that may appear and
    disappear while the process runs, each with the ``"module:function"`` that makes the plug-in from its name; they
    cannot replace others.

    A plug-in whose class names one of its options as ``option`` may be asked for with a value of it after an ``@``:
    ``dlib-age@40``.
    """

    def __init__(
        self,
        what: str,
        group: str,
        builtin: dict[str, str],
        aliases: dict[str, str] | None = None,
        more: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.what = what
        self.group = group
        self._builtin = dict(builtin)
        self.aliases = dict(aliases or {})
        self._more = more
        self._installed: tuple[tuple[str, ...], dict[str, str]] | None = None

    def _targets(self) -> dict[str, str]:
        # This reads the metadata of every package, so only once for each search path; a page asks some twenty times.
        path = tuple(sys.path)
        if self._installed is None or self._installed[0] != path:
            self._installed = path, {point.name: point.value for point in entry_points(group=self.group)}
        return {**self._installed[1], **self._builtin}

    def names(self) -> list[str]:
        """Return the known names: the built-in ones in their order, then those of packages, then those of ``more``."""
        fixed = self.fixed_names()
        return fixed + sorted(set(self._more()) - set(fixed))

    def fixed_names(self) -> list[str]:
        """Return the names without those of ``more``."""
        return list(self._builtin) + sorted(set(self._targets()) - set(self._builtin))

    def resolve(self, name: str) -> str:
        """Return the registered name that an alias, or a name with a value, stands for; any other name as it is."""
        name = name.partition(VALUE)[0]
        return self.aliases.get(name, name)

    def release(self, name: str) -> str:
        """Return the distribution and version that a plug-in of another package comes from; empty for others."""
        name = self.resolve(name)
        if name in self._builtin:
            return ""
        distributions = [point.dist for point in entry_points(group=self.group) if point.name == name]
        return " ".join(f"{dist.name} {dist.version}" for dist in distributions if dist is not None)

    def load(self, name: str) -> Callable[..., T]:
        """Return the factory called ``name``.

        Raises UnknownNameError if nothing is registered under that name; the text lists the known names.
        """
        targets = self._targets()
        name = self.resolve(name)
        more = {} if name in targets else self._more()
        if name in more:
            return partial(_import(more[name]), name)
        if name not in targets:
            raise UnknownNameError(
                f"There is no {self.what} called {name!r}; choose one of: {', '.join(self.names())}."
            )
        return _import(targets[name])

    def create(self, name: str, **options: Any) -> T:
        """Return a new plug-in called ``name``, made with the given options and the one in its name.

        Raises UnknownNameError as `load`. Raises BadInputError with code ``takes-no-value`` if the name holds a value
        and the plug-in takes none; with the plug-in's own code if it cannot use the value.
        """
        factory = self.load(name)
        base, at, value = name.partition(VALUE)
        if at:
            option = getattr(factory, "option", None)
            if option is None or not value:
                raise BadInputError(
                    f"The {self.what} {base} takes no value, but {name!r} was given; write {base}."
                    if option is None
                    else f"A value is missing after the {VALUE} of {name!r}; add it, or write {base}.",
                    code="takes-no-value",
                )
            options = {option: int(value) if value.isdecimal() else value, **options}
        return factory(**options)


def _import(target: str) -> Callable[..., Any]:
    module, _, attribute = target.partition(":")
    factory: Callable[..., Any] = attrgetter(attribute)(import_module(module))
    return factory
