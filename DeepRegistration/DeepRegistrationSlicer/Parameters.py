"""The user's choices, kept in the scene by a parameter node and bound to widgets by name."""

import dataclasses
import logging
from enum import Enum
from pathlib import Path
from typing import Annotated

import slicer
from slicer import (
    vtkMRMLLabelMapVolumeNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLScriptedModuleNode,
    vtkMRMLSegmentationNode,
)
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper, parameterPack

from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeSettings
from DeepRegistrationSlicer.Choices import (
    AtlasChoice,
    DeviceChoice,
    MeasureChoice,
    MethodChoice,
    TransformChoice,
)
from DeepRegistrationSlicer.FetalVolumeRequest import (
    OLDEST_WEEKS,
    AtlasByAge,
    AtlasInScene,
    FetalVolumeRequest,
    WantedNodes,
)

_DEFAULTS = FetalVolumeSettings()
_LARGEST_SEED = 2**31 - 1


@parameterPack
class FetalVolumeParameters:
    """Choices for the registration of a reconstructed fetal brain.

    Attributes:
        subject: reconstructed fetal brain.
        mask: brain mask; None finds the brain automatically.
        atlas: where the atlas comes from.
        atlasFolder: folder with one atlas image per week; empty: the installed atlas.
        atlasVolume: atlas in the scene.
        atlasLabels: labels of that atlas.
        gestationalAge: [weeks]; 0 estimates it.
        method: how the pose is found.
        measure: similarity of the last refinement.
        transformModel: what the transform may do.
        candidates: number of orientations refined after the search.
        wantsTransform: adds a transform node.
        wantsWarped: adds the volume on the grid of the atlas.
        wantsSegmentation: adds the atlas labels on the grid of the volume.
    """

    subject: vtkMRMLScalarVolumeNode
    mask: vtkMRMLSegmentationNode | vtkMRMLLabelMapVolumeNode | None
    atlas: AtlasChoice = AtlasChoice.BY_AGE
    atlasFolder: str = ""
    atlasVolume: vtkMRMLScalarVolumeNode
    atlasLabels: vtkMRMLSegmentationNode | vtkMRMLLabelMapVolumeNode | None
    gestationalAge: Annotated[float, WithinRange(0.0, OLDEST_WEEKS)] = 0.0
    method: MethodChoice = MethodChoice.AUTO
    measure: MeasureChoice = MeasureChoice.LOCAL_CORRELATION
    transformModel: TransformChoice = TransformChoice.RIGID
    candidates: Annotated[int, WithinRange(1, 200)] = _DEFAULTS.candidates
    wantsTransform: bool = True
    wantsWarped: bool = True
    wantsSegmentation: bool = True


@parameterNodeWrapper
class RegistrationParameters:
    """Everything the panel asks for.

    Attributes:
        device: where torch computes.
        seed: of everything random.
        fetalVolume: choices of this job.
    """

    device: DeviceChoice = DeviceChoice.AUTO
    seed: Annotated[int, WithinRange(0, _LARGEST_SEED)] = _DEFAULTS.seed
    fetalVolume: FetalVolumeParameters


def parametersOf(node: vtkMRMLScriptedModuleNode) -> RegistrationParameters:
    """The choices that a parameter node holds; defaults if it is new, or of a version with other choices."""
    if node.GetParameterNames() and not all(_isReadable(node, name, hint) for name, hint in _hints()):
        logging.warning("DeepRegistration: the scene holds choices of another version; defaults are used")
        _forget(node)
    return RegistrationParameters(node)


def requestOf(parameters: RegistrationParameters) -> FetalVolumeRequest:
    """The registration that the choices describe."""
    chosen = parameters.fetalVolume
    atlas = AtlasByAge(Path(chosen.atlasFolder) if chosen.atlasFolder else None)
    if chosen.atlas == AtlasChoice.SCENE:
        atlas = AtlasInScene(chosen.atlasVolume, chosen.atlasLabels)
    settings = dataclasses.replace(
        _DEFAULTS,
        method=chosen.method.value,
        gestational_age_weeks=chosen.gestationalAge or None,
        measure=chosen.measure.value,
        transform_model=chosen.transformModel.value,
        candidates=chosen.candidates,
        device=parameters.device.value,
        seed=parameters.seed,
    )
    return FetalVolumeRequest(
        subject=chosen.subject,
        mask=chosen.mask,
        atlas=atlas,
        settings=settings,
        wanted=WantedNodes(chosen.wantsTransform, chosen.wantsWarped, chosen.wantsSegmentation),
    )


def _hints() -> list[tuple[str, object]]:
    """Name in the node and type of each choice."""
    top, pack = RegistrationParameters.__annotations__, FetalVolumeParameters.__annotations__
    hints = [(name, hint) for name, hint in top.items() if hint is not FetalVolumeParameters]
    return [*hints, *((f"fetalVolume.{name}", hint) for name, hint in pack.items())]


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
