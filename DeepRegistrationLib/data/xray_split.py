"""Which public CTs the X-ray registration is trained and tuned on, and which it is measured on.

Networks are trained on the tuning CTs only; constants (weights of measures, when to search on, what the
confidence means) are set on them only. Whatever a report or table shows comes from the others. A pelvis, a
spine and a chest are tuned on, so that nothing is fitted to one part of the body.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class XraySplit(StrEnum):
    """Use of a CT; every CT has one only."""

    TUNING = "tuning"
    REPORT = "report"


@dataclass(frozen=True)
class XrayCt:
    """One CT of the collection.

    Attributes:
        name: short, for tables.
        ct: file in HU, below the folder of the CTs.
        labels: file with the bones on the same grid; None if there is none.
        use: tuned on or reported.
        bone_only: the CT itself holds bone only, -1000 HU elsewhere; no soft tissue can be simulated from it.
        header_factor: by which the voxels are larger than the header of both files says.
        reversed_axis: along which the header of both files runs backwards, 0 is i; None where it is right.
        is_pelvis: the bones that are registered are a pelvis, as those of the paper; else a spine or a chest.
    """

    name: str
    ct: str
    labels: str | None
    use: XraySplit
    bone_only: bool = False
    header_factor: float = 1.0
    reversed_axis: int | None = None
    is_pelvis: bool = True

    def paths(self, folder: Path) -> tuple[Path, Path | None]:
        """CT and labels in the folder of the CTs (`ct-bone`)."""
        return folder / self.ct, folder / self.labels if self.labels else None


TS0561_HEADER_FACTOR = 1.5
"""The file was reduced to 128 voxels along each axis from a CT with voxels of 1.5 mm, and its header forgets
these: it makes the pelvis of an adult 176 mm wide and a lumbar vertebra with its disc 21 mm high. 1.5 times
that is usual (264 and 31 mm)."""

_BACK_TO_FRONT = 1
"""The files of this collection are stored from back to front: read as their headers stand, patients are
mirrored, with the spine before the bowels."""

XRAY_CTS = (
    XrayCt(
        "pelvis003",
        "pelvis-fracture/pelvis003_bone_ct.nii.gz",
        "pelvis-fracture/pelvis003_label.nii.gz",
        XraySplit.TUNING,
        bone_only=True,
    ),
    XrayCt(
        "colon0532",
        "x2s/colon0532_ct.nii.gz",
        "x2s/colon0532_spine_label.nii.gz",
        XraySplit.TUNING,
        reversed_axis=_BACK_TO_FRONT,
        is_pelvis=False,
    ),
    XrayCt(
        "verse081",
        "x2s/verse081_ct.nii.gz",
        "x2s/verse081_spine_label.nii.gz",
        XraySplit.TUNING,
        reversed_axis=_BACK_TO_FRONT,
        is_pelvis=False,
    ),
    XrayCt("lidc0314", "thorax/lidc0314_chest_ct_2mm.nii.gz", None, XraySplit.TUNING, is_pelvis=False),
    XrayCt(
        "pelvis001",
        "pelvis-fracture/pelvis001_bone_ct.nii.gz",
        "pelvis-fracture/pelvis001_label.nii.gz",
        XraySplit.REPORT,
        bone_only=True,
    ),
    XrayCt(
        "pelvis002",
        "pelvis-fracture/pelvis002_bone_ct.nii.gz",
        "pelvis-fracture/pelvis002_label.nii.gz",
        XraySplit.REPORT,
        bone_only=True,
    ),
    XrayCt(
        "ts0561",
        "x2s/ts0561_ct.nii.gz",
        "x2s/ts0561_bones_label.nii.gz",
        XraySplit.REPORT,
        header_factor=TS0561_HEADER_FACTOR,
        reversed_axis=_BACK_TO_FRONT,
    ),
    XrayCt("example_ct", "totalseg/example_ct.nii.gz", None, XraySplit.REPORT),
    XrayCt(
        "colon0243",
        "x2s/colon0243_ct.nii.gz",
        "x2s/colon0243_pelvis_label.nii.gz",
        XraySplit.REPORT,
        reversed_axis=_BACK_TO_FRONT,
    ),
    XrayCt(
        "colon0646",
        "x2s/colon0646_ct.nii.gz",
        "x2s/colon0646_spine_label.nii.gz",
        XraySplit.REPORT,
        reversed_axis=_BACK_TO_FRONT,
        is_pelvis=False,
    ),
)


def cts_of(use: XraySplit) -> tuple[XrayCt, ...]:
    """The CTs of one use, in the order of the tables."""
    return tuple(ct for ct in XRAY_CTS if ct.use == use)
