"""The user's choices for registrations to radiographs; see `Parameters.py`."""

from pathlib import Path
from typing import Annotated

from slicer import (
    vtkMRMLLabelMapVolumeNode,
    vtkMRMLMarkupsFiducialNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
)
from slicer.parameterNodeWrapper import WithinRange, parameterPack

from DeepRegistrationLib.jobs.biplanar import BiplanarSettings
from DeepRegistrationLib.jobs.xray_ct import XrayCtSettings
from DeepRegistrationSlicer.AtlasSource import Atlas, AtlasInScene, BoneAtlas
from DeepRegistrationSlicer.Choices import (
    BiplanarMethodChoice,
    BoneAtlasChoice,
    CancelChoice,
    GeometryChoice,
    PolarityChoice,
    XrayMeasureChoice,
    XrayMethodChoice,
)
from DeepRegistrationSlicer.XrayGeometry import NO_ANGLE_DEG

_XRAY, _BIPLANAR = XrayCtSettings(), BiplanarSettings()
_LARGEST_MM = 10000.0


@parameterPack
class RadiographParameters:
    """One radiograph, and what is known of source and detector.

    Attributes:
        volume: the radiograph; None where there is none.
        frame: which one of several frames, from 0.
        geometry: where source and detector are told.
        file: camera file, or calibration of XMALab.
        sourceToDetector: [mm]; 0 takes that of the DICOM header.
        sourceToIsocentre: [mm]; 0 takes that of the DICOM header.
        primaryAngle: [degrees]; `NO_ANGLE_DEG` takes that of the DICOM header.
        secondaryAngle: [degrees]; `NO_ANGLE_DEG` takes that of the DICOM header.
        columnSpacing: between columns, on the detector [mm]; 0 takes that of the DICOM header.
        rowSpacing: between rows, on the detector [mm]; 0 takes that of the DICOM header.
        isMirrored: left and right are exchanged against what the geometry says.
    """

    volume: vtkMRMLScalarVolumeNode | None
    frame: Annotated[int, WithinRange(0, 9999)] = 0
    geometry: GeometryChoice = GeometryChoice.NUMBERS
    file: str = ""
    sourceToDetector: Annotated[float, WithinRange(0.0, _LARGEST_MM)] = 0.0
    sourceToIsocentre: Annotated[float, WithinRange(0.0, _LARGEST_MM)] = 0.0
    primaryAngle: Annotated[float, WithinRange(NO_ANGLE_DEG, 180.0)] = NO_ANGLE_DEG
    secondaryAngle: Annotated[float, WithinRange(NO_ANGLE_DEG, 180.0)] = NO_ANGLE_DEG
    columnSpacing: Annotated[float, WithinRange(0.0, 10.0)] = 0.0
    rowSpacing: Annotated[float, WithinRange(0.0, 10.0)] = 0.0
    isMirrored: bool = False


@parameterPack
class XrayCtParameters:
    """Choices for the registration of a CT to radiographs.

    Attributes:
        ct: is moved; where it stands is the start pose.
        bones: those that the radiographs show; None takes whatever is as dense as bone.
        first: the radiograph.
        second: another one of the same moment, from another side.
        isocentre: its first point is the isocentre of the C-arm; None takes the middle of the CT as loaded.
        method: how the pose is found.
        measure: similarity of the last refinement.
        polarity: how bone looks in the radiographs.
        searchRotation: how far the start pose may be turned: standard deviation [degrees].
        searchTranslation: how far the start pose may be off: standard deviation [mm].
        candidates: number of poses refined after the search.
        onCancel: where the CT stands after cancelling.
        overlayOpacity: of the DRR over the radiograph [percent].
        wantsTransform: adds a transform node.
        wantsDrr: adds the DRR, and the radiograph, on the detector.
        wantsStand: adds the model of source and detector.
        wantsPlot: adds the plot of the similarity.
    """

    ct: vtkMRMLScalarVolumeNode
    bones: vtkMRMLSegmentationNode | vtkMRMLLabelMapVolumeNode | None
    first: RadiographParameters
    second: RadiographParameters
    isocentre: vtkMRMLMarkupsFiducialNode | None
    method: XrayMethodChoice = XrayMethodChoice.AUTO
    measure: XrayMeasureChoice = XrayMeasureChoice.DETAIL
    polarity: PolarityChoice = PolarityChoice.AUTO
    searchRotation: Annotated[float, WithinRange(0.1, 180.0)] = _XRAY.search_rotation_deg
    searchTranslation: Annotated[float, WithinRange(0.1, 1000.0)] = _XRAY.search_translation_mm
    candidates: Annotated[int, WithinRange(1, 1000)] = _XRAY.candidates
    onCancel: CancelChoice = CancelChoice.RESTORE
    overlayOpacity: Annotated[int, WithinRange(0, 100)] = 40
    wantsTransform: bool = True
    wantsDrr: bool = True
    wantsStand: bool = True
    wantsPlot: bool = True


@parameterPack
class BoneAtlasParameters:
    """Where the atlas of a bone comes from.

    Attributes:
        source: the program, a folder or the scene.
        folder: holds `atlas_ct.nii.gz` and `atlas_labels.nii.gz`.
        volume: CT in the scene.
        labels: of that CT.
    """

    source: BoneAtlasChoice = BoneAtlasChoice.FEMUR
    folder: str = ""
    volume: vtkMRMLScalarVolumeNode
    labels: vtkMRMLSegmentationNode | vtkMRMLLabelMapVolumeNode | None


@parameterPack
class BiplanarParameters:
    """Choices for an atlas that is bent to two radiographs.

    Attributes:
        first: radiograph that fixes the world.
        second: of the same moment, from another side.
        firstMask: shadow of the bone on the first radiograph; None proposes it.
        secondMask: shadow of the bone on the second radiograph; None proposes it.
        atlas: what is bent.
        isocentre: its first point is the isocentre of the C-arm; None takes the middle of the atlas.
        method: how the atlas is bent.
        polarity: how bone looks in the radiographs.
        searchRotation: how far the bone may be turned at the start: standard deviation [degrees].
        searchTranslation: how far it may be off: standard deviation [mm].
        viewRotation: how far the second view may be turned wrongly: standard deviation [degrees].
        viewTranslation: how far it may be off: standard deviation [mm].
        shapeFreedom: factor on how far shapes may differ from the atlas.
        overlayOpacity: of the DRR over the radiograph [percent].
        wantsDeformation: adds the displacement grid.
        wantsAffine: adds its linear part.
        wantsWarped: adds the bent atlas.
        wantsSegmentation: adds its labels, with closed surfaces.
        wantsDrr: adds the DRR, and the radiograph, on the detector.
        wantsBone: adds the bone and the X-ray machine as models.
    """

    first: RadiographParameters
    second: RadiographParameters
    firstMask: vtkMRMLSegmentationNode | vtkMRMLLabelMapVolumeNode | None
    secondMask: vtkMRMLSegmentationNode | vtkMRMLLabelMapVolumeNode | None
    atlas: BoneAtlasParameters
    isocentre: vtkMRMLMarkupsFiducialNode | None
    method: BiplanarMethodChoice = BiplanarMethodChoice.AUTO
    polarity: PolarityChoice = PolarityChoice.AUTO
    searchRotation: Annotated[float, WithinRange(0.1, 180.0)] = _BIPLANAR.search_rotation_deg
    searchTranslation: Annotated[float, WithinRange(0.1, 1000.0)] = _BIPLANAR.search_translation_mm
    viewRotation: Annotated[float, WithinRange(0.0, 45.0)] = _BIPLANAR.view_rotation_deg
    viewTranslation: Annotated[float, WithinRange(0.0, 500.0)] = _BIPLANAR.view_translation_mm
    shapeFreedom: Annotated[float, WithinRange(0.0, 10.0)] = _BIPLANAR.shape_freedom
    overlayOpacity: Annotated[int, WithinRange(0, 100)] = 40
    wantsDeformation: bool = True
    wantsAffine: bool = True
    wantsWarped: bool = True
    wantsSegmentation: bool = True
    wantsDrr: bool = True
    wantsBone: bool = True


def boneAtlasOf(chosen: BoneAtlasParameters) -> Atlas:
    """The atlas of a bone that the choices describe."""
    if chosen.source == BoneAtlasChoice.SCENE:
        return AtlasInScene(chosen.volume, chosen.labels)
    return BoneAtlas(Path(chosen.folder) if chosen.source == BoneAtlasChoice.FOLDER else None)
