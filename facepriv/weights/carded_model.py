"""Base of classifiers and matchers: their name and version are those of their card."""

from __future__ import annotations

from facepriv.types import ModelCard


class CardedModel:
    """A model described by a card."""

    card: ModelCard

    @property
    def name(self) -> str:
        """Name in the registry."""
        return self.card.name

    @property
    def version(self) -> str:
        """Prefix of the SHA-256 of what the model is made of."""
        return self.card.version
