"""Files and settings of the job that bends a CT atlas until it matches two radiographs."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.checks import check_one_for_each, check_range
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.xray_ct import XrayPolarity

ATLAS_FOLDER = "FemurAtlas"
_PACKAGE = Path(__file__).parents[1]


class BiplanarMethod(StrEnum):
    """How the atlas is bent."""

    AUTO = "auto"
    """As `optimize`; where the network may be asked, its answer is one of the starts. The default."""
    OPTIMIZE = "optimize"
    """Pose, proportions, modes of shape and what goes beyond them; needs no network."""
    SDM = "sdm"
    """The statistical deformation model alone: pose, proportions and modes of shape."""
    NETWORK = "network"
    """Method of the paper: the answer of the network, not refined; for what it was trained for only."""


@dataclass(frozen=True)
class BiplanarFiles:
    """Input files of one registration.

    Attributes:
        xrays: two or more radiographs of one moment, from any angles (DICOM, NRRD, PNG, TIFF).
        geometries: camera file of each view, in the order of `xrays`; None, or an empty tuple, takes the
            geometry from DICOM tags.
        masks: image on the pixels of each radiograph that is not 0 in the shadow of the bone; None, or an
            empty tuple, where none is known: it is then proposed from the atlas.
        atlas: CT in HU; None takes that of `atlas_dir`.
        atlas_labels: on the grid of `atlas`; all but 0 is the bone.
        atlas_dir: folder with `atlas_ct.nii.gz`, `atlas_labels.nii.gz` and, if there is one,
            `shape_model.safetensors`; None takes the femur that comes with the program.
        initial_pose: transform from the world of the cameras to the atlas (.tfm, LPS); None: the atlas
            lies in the world as it is.
        frames: which frame of each radiograph, from 0; None, or an empty tuple, where it has only one.
        source_to_detector_mm: where a geometry does not tell it (XMALab) [mm].

    Raises:
        InputError: fewer than two radiographs, numbers of files that do not fit, or an atlas without labels.
    """

    xrays: tuple[Path, ...]
    geometries: tuple[Path | None, ...] = ()
    masks: tuple[Path | None, ...] = ()
    atlas: Path | None = None
    atlas_labels: Path | None = None
    atlas_dir: Path | None = None
    initial_pose: Path | None = None
    frames: tuple[int | None, ...] = ()
    source_to_detector_mm: float | None = None

    def __post_init__(self) -> None:
        if len(self.xrays) < 2:
            raise InputError(
                f"{len(self.xrays)} radiograph was given; the shape of a bone needs at least two, from "
                "different directions. Give a second one."
            )
        check_one_for_each(
            self.xrays,
            {"camera files": self.geometries, "masks": self.masks, "numbers of frames": self.frames},
        )
        if (self.atlas is None) != (self.atlas_labels is None):
            raise InputError(
                "An atlas needs its CT and its labels. Give both --atlas and --atlas-labels, or neither."
            )
        if self.atlas is not None and self.atlas_dir is not None:
            raise InputError(
                "Both an atlas image and an atlas folder were given. Give one of them: --atlas with "
                "--atlas-labels, or --atlas-dir."
            )

    @property
    def moving(self) -> Path:
        """The image that is registered, as every job calls it: the CT of the atlas, or its folder."""
        return self.atlas or self.folder

    @property
    def folder(self) -> Path:
        """Folder of the atlas, where no single image was given."""
        return self.atlas_dir or installed_atlas_folder()


@dataclass(frozen=True)
class BiplanarSettings:
    """Choices of one registration; every one has a default.

    Attributes:
        method: how the atlas is bent.
        search_rotation_deg: how far the bone may be turned against the atlas at the start: standard
            deviation about each axis [degrees].
        search_translation_mm: how far it may be off: standard deviation along each axis [mm].
        view_rotation_deg: by how much the direction of a view's beam is expected to be wrong against that of
            the first one [degrees]; 0 trusts the cameras.
        view_translation_mm: the same for its place: standard deviation along each axis [mm].
        shape_freedom: factor on how far shapes may differ from the atlas; 1 as in the shape model.
        polarity: how bone looks in the files of the radiographs.
        device: where torch computes.
        seed: seed of everything random.

    Raises:
        InputError: a number outside of its range.
    """

    method: BiplanarMethod = BiplanarMethod.AUTO
    search_rotation_deg: float = 10.0
    search_translation_mm: float = 10.0
    view_rotation_deg: float = 0.0
    view_translation_mm: float = 0.0
    shape_freedom: float = 1.0
    polarity: XrayPolarity = XrayPolarity.AUTO
    device: Device = Device.AUTO
    seed: int = 0

    def __post_init__(self) -> None:
        check_range("rotation of the search", self.search_rotation_deg, 0.1, 180.0, "degrees")
        check_range("translation of the search", self.search_translation_mm, 0.1, 1000.0, "mm")
        check_range("uncertainty of the views' directions", self.view_rotation_deg, 0.0, 45.0, "degrees")
        check_range("uncertainty of the views' places", self.view_translation_mm, 0.0, 500.0, "mm")
        check_range("freedom of the shape", self.shape_freedom, 0.0, 10.0, "times the model's")


def installed_atlas_folder() -> Path:
    """Where the femur atlas of the program lies: beside the trained networks."""
    inside = _PACKAGE / "Resources" / ATLAS_FOLDER
    return inside if inside.is_dir() else _PACKAGE.parent / "Resources" / ATLAS_FOLDER
