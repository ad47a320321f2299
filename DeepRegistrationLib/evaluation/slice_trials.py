"""What is kept of each registration of the slice study."""

from dataclasses import dataclass

SliceKey = tuple[str, str, str, int, int]
"""Subject, method, draw, number of the slice and seed: what makes a trial the same one in another run."""


@dataclass(frozen=True)
class SliceTrial:
    """One slice found by one method.

    Attributes:
        subject: name.
        group: kind of subject.
        method: how it was found.
        draw: how the orientation was drawn: "uniform", or "bin" from a bin of its size.
        number: of the slice among those of its subject and draw.
        seed: of the study.
        turned_deg: size of the rotation from slice to atlas [degrees].
        offset_radii: of the plane from the atlas's centre [brain radii].
        normal_z: how far the slice's normal points upwards in the atlas, 0 to 1.
        known_deg: rotation error, half space known [degrees]; NaN if there is no result.
        known_mm: mean distance of the brain's pixels then [mm].
        unknown_deg: rotation error of the more probable place [degrees].
        unknown_mm: the distance there [mm].
        either_deg: rotation error of that place or of its mirror image, whichever is nearer [degrees].
        either_mm: the distance there [mm].
        probability: of the more probable place; 1 if there is only one.
        confidence: of the result, 0 to 1.
        trust: the same in one word; empty if there is no result.
        seconds: wall time [s].
        models: networks that the method may ask, with version and checksum; empty if none.
        error: text of the error, if there is no result.
    """

    subject: str
    group: str
    method: str
    draw: str
    number: int
    seed: int
    turned_deg: float
    offset_radii: float
    normal_z: float
    known_deg: float
    known_mm: float
    unknown_deg: float
    unknown_mm: float
    either_deg: float
    either_mm: float
    probability: float
    confidence: float
    trust: str
    seconds: float
    models: str
    error: str = ""

    @property
    def key(self) -> SliceKey:
        """What makes a trial the same one in another run."""
        return self.subject, self.method, self.draw, self.number, self.seed


@dataclass(frozen=True)
class StackTrial:
    """One stack found by one method; differences are medians over its slices, mm at the sections' centres.

    Attributes:
        stack: name.
        kind: of stack.
        method: how it was found.
        slices: of which it is known where they belong.
        motion_deg: of the slices about the one rigid map that is closest to all [degrees]; NaN if nothing is
            known.
        motion_mm: the same [mm].
        as_one_deg: every slice at the pose of the stack, against where it belongs [degrees].
        as_one_mm: the same [mm].
        moved_deg: the same with the motion that was found [degrees].
        moved_mm: the same [mm].
        confidence: of the result.
        trust: in one word; empty if there is no result.
        seconds: wall time [s].
        models: networks that the method may ask, with version and checksum; empty if none.
        atlas_from_stack: twelve numbers, three rows of atlas RAS from stack RAS; empty if there is no result.
        error: text of the error, if there is no result.
    """

    stack: str
    kind: str
    method: str
    slices: int
    motion_deg: float
    motion_mm: float
    as_one_deg: float
    as_one_mm: float
    moved_deg: float
    moved_mm: float
    confidence: float
    trust: str
    seconds: float
    models: str
    atlas_from_stack: str
    error: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What makes a trial the same one in another run."""
        return self.stack, self.method
