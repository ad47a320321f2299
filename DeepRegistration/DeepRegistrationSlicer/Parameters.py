"""The user's choices, kept in the scene by a parameter node, bound to widgets by name: one pack per job."""

import logging
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated

import slicer
from slicer import (
    vtkMRMLLabelMapVolumeNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLScriptedModuleNode,
    vtkMRMLSegmentationNode,
    vtkMRMLSequenceNode,
    vtkMRMLTransformNode,
)
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper, parameterPack

from DeepRegistrationLib.jobs.fetal_slice import FetalSliceSettings
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeSettings
from DeepRegistrationLib.jobs.us_angles import UsAnglesSettings
from DeepRegistrationSlicer.AtlasSource import OLDEST_WEEKS, Atlas, AtlasByAge, AtlasInScene
from DeepRegistrationSlicer.Choices import (
    AtlasChoice,
    ContrastChoice,
    DeviceChoice,
    FramesChoice,
    HalfSpaceChoice,
    JobChoice,
    MeasureChoice,
    MethodChoice,
    PixelSizeChoice,
    SliceChoice,
    SliceMeasureChoice,
    SliceMethodChoice,
    TransformChoice,
    UltrasoundMethodChoice,
)
from DeepRegistrationSlicer.XrayParameters import (
    BiplanarParameters,
    BoneAtlasParameters,
    RadiographParameters,
    XrayCtParameters,
)

_VOLUME, _SLICE, _ULTRASOUND = FetalVolumeSettings(), FetalSliceSettings(), UsAnglesSettings()
_LARGEST_SEED = 2**31 - 1
_LARGEST_MM = 10000.0


@parameterPack
class AtlasParameters:
    """Where a fetal atlas comes from; the same for volumes and slices.

    Attributes:
        source: folder or scene.
        folder: one atlas image per week; empty: the installed atlas.
        volume: atlas in the scene.
        labels: labels of that atlas.
        gestationalAge: [weeks]; 0 estimates it.
    """

    source: AtlasChoice = AtlasChoice.BY_AGE
    folder: str = ""
    volume: vtkMRMLScalarVolumeNode
    labels: vtkMRMLSegmentationNode | vtkMRMLLabelMapVolumeNode | None
    gestationalAge: Annotated[float, WithinRange(0.0, OLDEST_WEEKS)] = 0.0


@parameterPack
class FetalVolumeParameters:
    """Choices for the registration of a reconstructed fetal brain.

    Attributes:
        subject: reconstructed fetal brain.
        mask: brain mask; None finds the brain automatically.
        atlas: what it is registered to.
        method: how the pose is found.
        measure: similarity of the last refinement.
        contrast: whether the brain is registered as it is.
        transformModel: what the transform may do.
        candidates: number of orientations refined after the search.
        wantsTransform: adds a transform node.
        wantsWarped: adds the volume on the grid of the atlas.
        wantsSegmentation: adds the atlas labels on the grid of the volume.
    """

    subject: vtkMRMLScalarVolumeNode
    mask: vtkMRMLSegmentationNode | vtkMRMLLabelMapVolumeNode | None
    atlas: AtlasParameters
    method: MethodChoice = MethodChoice.AUTO
    measure: MeasureChoice = MeasureChoice.LOCAL_CORRELATION
    contrast: ContrastChoice = ContrastChoice.AS_IT_IS
    transformModel: TransformChoice = TransformChoice.RIGID
    candidates: Annotated[int, WithinRange(1, 200)] = _VOLUME.candidates
    wantsTransform: bool = True
    wantsWarped: bool = True
    wantsSegmentation: bool = True


@parameterPack
class FetalSliceParameters:
    """Choices for the registration of a slice of a fetal brain, or a stack of them.

    Attributes:
        subject: the slice, the stack, or the volume that a slice is taken of.
        slices: which slices of it.
        number: of the slice, from 0.
        mask: brain mask; None finds the brain automatically.
        halfSpace: to which side the normal of the slice points.
        atlas: what it is registered to.
        method: how the pose is found.
        measure: similarity of the last refinement.
        contrast: whether the slices are compared as they are.
        candidates: number of poses refined after the search.
        thickness: of the slices as acquired [mm]; 0 takes their spacing.
        wantsTransform: adds a transform node.
        wantsMatching: adds the atlas on the grid of the slice.
        wantsSegmentation: adds the atlas labels on the grid of the slice.
    """

    subject: vtkMRMLScalarVolumeNode
    slices: SliceChoice = SliceChoice.ALL
    number: Annotated[int, WithinRange(0, 9999)] = 0
    mask: vtkMRMLSegmentationNode | vtkMRMLLabelMapVolumeNode | None
    halfSpace: HalfSpaceChoice = HalfSpaceChoice.UNKNOWN
    atlas: AtlasParameters
    method: SliceMethodChoice = SliceMethodChoice.AUTO
    measure: SliceMeasureChoice = SliceMeasureChoice.LOCAL_CORRELATION
    contrast: ContrastChoice = ContrastChoice.AS_IT_IS
    candidates: Annotated[int, WithinRange(1, 500)] = _SLICE.candidates
    thickness: Annotated[float, WithinRange(0.0, 20.0)] = 0.0
    wantsTransform: bool = True
    wantsMatching: bool = True
    wantsSegmentation: bool = True


@parameterPack
class UltrasoundParameters:
    """Choices for the registration of consecutive ultrasound frames.

    Attributes:
        frames: a sequence or three images.
        sequence: the sweep: a sequence of images, or a volume whose slices are the frames.
        before: frame before the middle one.
        middle: frame that stays where it is.
        after: frame after the middle one.
        mask: over the tissue; None finds the sector.
        pixelSize: who tells how large pixels are.
        columnSpacing: along columns [mm]; 0: not entered.
        rowSpacing: along rows [mm]; 0: not entered.
        configuration: PLUS configuration.
        calibration: ImageToProbe: the probe from the own RAS of the image node.
        live: image that frames arrive in.
        method: how the motion is found.
        probe: name of the tracked tool on the transducer.
        reference: name of the tracked tool on the patient.
        wantsTransforms: adds transform nodes, or a sequence of them.
        wantsAligned: adds a volume of the aligned frames.
        wantsCards: adds the frames standing in space.
        wantsAngles: adds a table, and a plot for a sweep.
    """

    frames: FramesChoice = FramesChoice.SEQUENCE
    sequence: vtkMRMLSequenceNode | vtkMRMLScalarVolumeNode | None
    before: vtkMRMLScalarVolumeNode
    middle: vtkMRMLScalarVolumeNode
    after: vtkMRMLScalarVolumeNode
    mask: vtkMRMLSegmentationNode | vtkMRMLLabelMapVolumeNode | None
    pixelSize: PixelSizeChoice = PixelSizeChoice.IMAGE
    columnSpacing: Annotated[float, WithinRange(0.0, _LARGEST_MM)] = 0.0
    rowSpacing: Annotated[float, WithinRange(0.0, _LARGEST_MM)] = 0.0
    configuration: str = ""
    calibration: vtkMRMLTransformNode
    live: vtkMRMLScalarVolumeNode
    method: UltrasoundMethodChoice = UltrasoundMethodChoice.AUTO
    probe: str = _ULTRASOUND.probe
    reference: str = _ULTRASOUND.reference
    wantsTransforms: bool = True
    wantsAligned: bool = True
    wantsCards: bool = True
    wantsAngles: bool = True


@parameterNodeWrapper
class RegistrationParameters:
    """Everything the panel asks for.

    Attributes:
        job: the tab shown.
        device: where torch computes.
        seed: of everything random.
        fetalVolume: choices of this job.
        fetalSlice: choices of this job.
        xrayCt: choices of this job.
        biplanar: choices of this job.
        ultrasound: choices of this job.
    """

    job: JobChoice = JobChoice.FETAL_VOLUME
    device: DeviceChoice = DeviceChoice.AUTO
    seed: Annotated[int, WithinRange(0, _LARGEST_SEED)] = _VOLUME.seed
    fetalVolume: FetalVolumeParameters
    fetalSlice: FetalSliceParameters
    xrayCt: XrayCtParameters
    biplanar: BiplanarParameters
    ultrasound: UltrasoundParameters


_PACKS = (
    AtlasParameters,
    FetalVolumeParameters,
    FetalSliceParameters,
    RadiographParameters,
    XrayCtParameters,
    BoneAtlasParameters,
    BiplanarParameters,
    UltrasoundParameters,
)


def parametersOf(node: vtkMRMLScriptedModuleNode) -> RegistrationParameters:
    """The choices that a parameter node holds; defaults if it is new, or of a version with other choices."""
    hints = _hints(RegistrationParameters)
    if node.GetParameterNames() and not all(_isReadable(node, name, hint) for name, hint in hints):
        logging.warning("DeepRegistration: the scene holds choices of another version; defaults are used")
        _forget(node)
    return RegistrationParameters(node)


def atlasOf(chosen: AtlasParameters) -> Atlas:
    """The atlas that the choices describe."""
    if chosen.source == AtlasChoice.SCENE:
        return AtlasInScene(chosen.volume, chosen.labels)
    return AtlasByAge(Path(chosen.folder) if chosen.folder else None)


def _hints(group: type, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Name in the node and type of each choice."""
    for name, hint in group.__annotations__.items():
        if hint in _PACKS:
            yield from _hints(hint, f"{prefix}{name}.")
        else:
            yield prefix + name, hint


def _isReadable(node: vtkMRMLScriptedModuleNode, name: str, hint: object) -> bool:
    if isinstance(hint, type) and issubclass(hint, Enum):
        return node.GetParameter(name) in hint.__members__
    # a choice of one among several types is stored under its name and a number
    return any(entry == name or entry.startswith(f"{name}.") for entry in node.GetParameterNames())


def _forget(node: vtkMRMLScriptedModuleNode) -> None:
    # at once: whoever still looks at the node would fill in what is missing in between
    with slicer.util.NodeModify(node):
        for name in node.GetParameterNames():
            node.UnsetParameter(name)
            node.RemoveNodeReferenceIDs(name)
