"""What is kept of each registration of the study of CT and radiographs."""

import json
from dataclasses import dataclass

from DeepRegistrationLib.workflows.result import Confidence
from DeepRegistrationLib.workflows.xray_confidence import XrayEvidence, judge

XrayKey = tuple[str, str, str, int, int]
"""CT, target, method, number and seed: what makes a trial the same one in another run."""


@dataclass(frozen=True)
class XrayTrial:
    """One registration.

    Errors are those of the found pose against the true one, along and about the axes of the first camera:
    columns (to the right), rows (down) and depth (along the beam), at the middle of the bones.

    Attributes:
        ct: name.
        target: what it was registered to.
        method: how.
        number: of the pair of poses.
        seed: of the study.
        start_deg: rotation from the start to the truth [degrees].
        start_mm: distance of the bones' middle then [mm].
        start_paper_deg: mean of the sizes of the start's three rotation components [degrees].
        start_paper_mm: mean of the sizes of its three shifts [mm].
        error_deg: rotation left [degrees]; NaN if there is no result.
        error_mm: distance of the bones' middle left [mm].
        turn_columns_deg, turn_rows_deg, turn_depth_deg: components of the rotation left [degrees].
        shift_columns_mm, shift_rows_mm, shift_depth_mm: components of the shift left [mm].
        tre_mm: mean distance left of points of the bones [mm].
        residual_mm: what the job tells, on the detector [mm]; mean over the views.
        evidence: what the program knew about its answer, `XrayEvidence` as JSON; empty if there is no result.
        seconds: wall time [s].
        models: networks that the method may ask, with version and checksum; empty if none.
        error: text of the error, if there is no result.
    """

    ct: str
    target: str
    method: str
    number: int
    seed: int
    start_deg: float
    start_mm: float
    start_paper_deg: float
    start_paper_mm: float
    error_deg: float
    error_mm: float
    turn_columns_deg: float
    turn_rows_deg: float
    turn_depth_deg: float
    shift_columns_mm: float
    shift_rows_mm: float
    shift_depth_mm: float
    tre_mm: float
    residual_mm: float
    evidence: str
    seconds: float
    models: str
    error: str = ""

    @property
    def key(self) -> XrayKey:
        """What makes a trial the same one in another run."""
        return self.ct, self.target, self.method, self.number, self.seed

    @property
    def judged(self) -> Confidence | None:
        """What the program says about such an answer today; None if there is no result."""
        return judge(XrayEvidence(**json.loads(self.evidence))) if self.evidence else None

    @property
    def turns_deg(self) -> tuple[float, float, float]:
        """Components of the rotation left: about columns, rows, depth [degrees]."""
        return self.turn_columns_deg, self.turn_rows_deg, self.turn_depth_deg

    @property
    def shifts_mm(self) -> tuple[float, float, float]:
        """Components of the shift left: along columns, rows, depth [mm]."""
        return self.shift_columns_mm, self.shift_rows_mm, self.shift_depth_mm
