"""What is kept of each registration of the real wrist."""

from dataclasses import dataclass

WristKey = tuple[str, int, str, int, int]
"""Bone, frame, views, number of the start and seed: what makes a trial the same one in another run."""


@dataclass(frozen=True)
class WristTrial:
    """One bone found in one or both fluoroscopes.

    Attributes:
        bone: name.
        frame: of the recordings.
        views: that it was registered to: "1", "2" or "1+2".
        number: of the start.
        seed: of the starts.
        start_deg: angle between start and placed pose [degrees].
        start_mm: distance between them at the bone's middle [mm].
        outline_1_mm: distance of the bone's outline in view 1 at the answer, whether it was registered to or
            not, on the detector (`outline_distance_mm`) [mm]; NaN if there is no result.
        outline_2_mm: the same in view 2.
        outline_start_1_mm, outline_start_2_mm: the same at the start.
        outline_moved_1_mm, outline_moved_2_mm: the same where the answer is moved to be 3 mm wrong.
        confidence: of the result, 0 to 1.
        trust: the same in one word; empty if there is no result.
        seconds: wall time [s].
        world_from_bone: twelve numbers, three rows of the answer; empty if there is no result.
        error: text of the error, if there is no result.
    """

    bone: str
    frame: int
    views: str
    number: int
    seed: int
    start_deg: float
    start_mm: float
    outline_1_mm: float
    outline_2_mm: float
    outline_start_1_mm: float
    outline_start_2_mm: float
    outline_moved_1_mm: float
    outline_moved_2_mm: float
    confidence: float
    trust: str
    seconds: float
    world_from_bone: str
    error: str = ""

    @property
    def key(self) -> WristKey:
        """What makes a trial the same one in another run."""
        return self.bone, self.frame, self.views, self.number, self.seed
