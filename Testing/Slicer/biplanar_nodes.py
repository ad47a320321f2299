"""The synthetic body bent to its radiographs, as nodes; what a result of it holds is known."""

from dataclasses import dataclass
from pathlib import Path

import slicer
from DeepRegistrationSlicer.AtlasSource import AtlasInScene
from DeepRegistrationSlicer.BiplanarResultLoader import BiplanarWanted, loadBiplanarResult
from DeepRegistrationSlicer.MrmlBridge import loadVolume
from DeepRegistrationSlicer.ResultNodes import ResultNodes
from DeepRegistrationSlicer.XrayGeometry import RadiographSource

LABELS = "vtkMRMLLabelMapVolumeNode"


@dataclass(frozen=True, eq=False)
class BiplanarNodes:
    """What a user would have loaded.

    Attributes:
        radiographs: two views, with their camera files.
        atlas: CT and labels.
    """

    radiographs: tuple[RadiographSource, RadiographSource]
    atlas: AtlasInScene

    @property
    def subject(self) -> slicer.vtkMRMLScalarVolumeNode:
        return self.radiographs[0].volume

    def load(self, folder: Path, **wanted: bool) -> ResultNodes:
        """The nodes of a result; those named are wanted, or all."""
        names = BiplanarWanted.__dataclass_fields__
        chosen = BiplanarWanted(**{name: wanted.get(name, not wanted) for name in names})
        return loadBiplanarResult(folder, self.radiographs, self.atlas, chosen)


def loadBiplanarNodes(folder: Path) -> BiplanarNodes:
    """The files of the synthetic case as nodes."""
    radiographs = tuple(
        RadiographSource(
            loadVolume(folder / f"xray{number}.nrrd", f"View {number}"),
            file=folder / f"camera{number}.json",
        )
        for number in (1, 2)
    )
    atlas = loadVolume(folder / "atlas" / "atlas_ct.nrrd", "Atlas")
    return BiplanarNodes(
        radiographs,
        AtlasInScene(atlas, loadVolume(folder / "atlas" / "atlas_labels.nrrd", "Atlas bones", LABELS)),
    )
