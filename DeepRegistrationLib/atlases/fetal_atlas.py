"""Fetal brain atlases: one image per week of gestational age, with mask and labels."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from scipy import ndimage

from DeepRegistrationLib.atlases.label_names import Segment, segments_of
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.checks import check_image, check_same_grid
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.volume import Volume

_IMAGE_NAME = re.compile(r"^(?P<stem>\D*(?P<age>\d{2}(?:\.\d+)?))\.(?:nii|nii\.gz|nrrd|mha)$")
_MASK_ENDINGS = ("_mask",)
_LABEL_ENDINGS = ("_parc", "_WMZparc", "_labels")


@dataclass(frozen=True, eq=False)
class AtlasImage:
    """The atlas at one age.

    Attributes:
        image: float32, as read.
        mask: bool, on the same grid, without holes.
        labels: integers on the same grid; None if the atlas has none.
        segments: names and colours of the labels that occur.
        gestational_age_weeks: None if unknown.
    """

    image: Volume
    mask: Volume
    labels: Volume | None
    segments: tuple[Segment, ...]
    gestational_age_weeks: float | None


@dataclass(frozen=True)
class AtlasFiles:
    """Files of the atlas at one age; see `AtlasImage`."""

    image: Path
    mask: Path | None
    labels: Path | None
    gestational_age_weeks: float | None


@dataclass(frozen=True)
class FetalAtlas:
    """An atlas on disk; images are read when they are needed and kept.

    Attributes:
        files: one entry per age, ascending.
        name: for reports.
    """

    files: tuple[AtlasFiles, ...]
    name: str

    @staticmethod
    def from_folder(folder: Path) -> "FetalAtlas":
        """Atlas with one image per week, named like the CRL atlas.

        STA25.nii.gz is an image, STA25_mask.nii.gz its mask, STA25_parc.nii.gz its labels.

        Args:
            folder: any text without digits may stand before the two-digit week.

        Raises:
            InputError: the folder is missing or holds no such image.
        """
        if not folder.is_dir():
            raise InputError(
                f"The atlas folder '{folder}' does not exist. Choose the folder that holds STA21.nii.gz "
                "and so on, or download the atlas with: deepregistration data download fetal-atlas"
            )
        by_stem = {_stem(path): path for path in sorted(folder.iterdir()) if _stem(path)}
        files = []
        for path in sorted(folder.iterdir()):
            match = _IMAGE_NAME.match(path.name)
            if match:
                files.append(
                    AtlasFiles(
                        image=path,
                        mask=_companion(by_stem, match["stem"], _MASK_ENDINGS),
                        labels=_companion(by_stem, match["stem"], _LABEL_ENDINGS),
                        gestational_age_weeks=float(match["age"]),
                    )
                )
        if not files:
            others = len(list(folder.iterdir()))
            raise InputError(
                f"The atlas folder '{folder}' holds no atlas image: expected names that end in the week, "
                f"such as STA25.nii.gz, found {others} other files. Choose another folder."
            )
        return FetalAtlas(tuple(sorted(files, key=lambda entry: entry.gestational_age_weeks)), folder.name)

    @staticmethod
    def from_files(image: Path, labels: Path | None = None, mask: Path | None = None) -> "FetalAtlas":
        """Atlas of one image, at any age."""
        return FetalAtlas((AtlasFiles(image, mask, labels, None),), image.name.split(".")[0])

    def nearest(self, gestational_age_weeks: float, count: int = 1) -> tuple[AtlasFiles, ...]:
        """The entries closest to an age, closest first; an atlas without ages gives its only entry."""
        return tuple(
            sorted(
                self.files, key=lambda entry: abs((entry.gestational_age_weeks or 0) - gestational_age_weeks)
            )[:count]
        )


def load_atlas_image(files: AtlasFiles) -> AtlasImage:
    """Reads one entry; the last ones read stay in memory as long as their files do not change.

    Args:
        files: what to read.

    Returns:
        The atlas at that age. Without a mask, what is labelled or else what is not background is the brain.

    Raises:
        InputError: a file cannot be read or the grids differ.
    """
    paths = [path for path in (files.image, files.mask, files.labels) if path is not None]
    changed = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)
    return _load(files, changed)


@functools.lru_cache(maxsize=4)
def _load(files: AtlasFiles, changed: tuple[int, ...]) -> AtlasImage:
    image = read_volume(files.image)
    check_image(image)
    labels = None
    if files.labels is not None:
        labels = read_volume(files.labels, labels=True)
        check_same_grid(labels, image)
        if int(labels.values.max()) < 2**15 and int(labels.values.min()) >= -(2**15):
            labels = labels.with_values(labels.values.to(torch.int16))  # carried onto large images later
    if files.mask is not None:
        mask = read_volume(files.mask, labels=True)
        check_same_grid(mask, image)
        inside = mask.values > 0
    elif labels is not None:
        inside = labels.values > 0
    else:
        inside = image.values > image.values.min()
    filled = torch.as_tensor(ndimage.binary_fill_holes(inside.cpu().numpy()))
    segments = segments_of(torch.unique(labels.values).tolist()) if labels is not None else ()
    return AtlasImage(
        image=image,
        mask=image.with_values(filled, f"{image.name} mask"),
        labels=labels,
        segments=segments,
        gestational_age_weeks=files.gestational_age_weeks,
    )


def _stem(path: Path) -> str | None:
    for ending in (".nii.gz", ".nii", ".nrrd", ".mha"):
        if path.name.endswith(ending):
            return path.name.removesuffix(ending)
    return None


def _companion(by_stem: dict[str, Path], stem: str, endings: tuple[str, ...]) -> Path | None:
    return next((by_stem[stem + ending] for ending in endings if stem + ending in by_stem), None)
