"""Mean-difference removal: the line between the mean man and the mean woman is projected out."""

from __future__ import annotations

from facepriv.protect.base import Arrays, Lesson, Protection, ProtectionCard, partly_lost
from facepriv.protect.directions import orthonormal, without
from facepriv.types import Floats64


class MeanDifference(Protection):
    """Sets the coordinate along the difference of the genders' means to its middle, for everybody."""

    card = ProtectionCard(
        name="mean-difference",
        title="Mean difference removed",
        needs="labelled templates of the same matcher",
        label_at_enrolment="none",
        keyed=False,
        undone_by="nobody: the coordinate is gone",
        broken_by="attackers who retrain on protected templates: gender lies in more than one direction "
        "(75 to 81 % right, ADR 0036)",
        source="Bolukbasi et al., Man is to computer programmer as woman is to homemaker?, 2016 (on words)",
        irreversible=partly_lost("One coordinate is the same for everybody and cannot be restored."),
    )

    def learn(self, lesson: Lesson) -> Arrays:
        """Learn the direction and the middle."""
        return {"basis": orthonormal(lesson.gap[:, None]), "middle": lesson.middle}

    def map_rows(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Project the direction out."""
        return without(rows, arrays["basis"], arrays["middle"])
