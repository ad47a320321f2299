"""How each method finds the map: the start, then stages from coarse to fine, or the network's answer."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from DeepRegistrationLib.data.biplanar_atlas import BendableAtlas
from DeepRegistrationLib.data.biplanar_shape_model import FLOW_MM, control_grid
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.jobs.biplanar import BiplanarMethod, BiplanarSettings
from DeepRegistrationLib.models.catalog import ModelStamp
from DeepRegistrationLib.optimize.biplanar_fit import BiplanarFit, FitLevel, FitStage, fit_atlas
from DeepRegistrationLib.optimize.biplanar_objective import BiplanarObjective, BiplanarTarget, BiplanarWeights
from DeepRegistrationLib.optimize.biplanar_start import find_start
from DeepRegistrationLib.optimize.deformation_model import (
    AtlasMap,
    DeformationModel,
    DeformationNumbers,
    Spread,
    free_model,
)
from DeepRegistrationLib.workflows.biplanar_network import (
    BIPLANAR_NET,
    NetworkMap,
    NetworkUnsuitedError,
    as_numbers,
    ask_network,
    is_network_installed,
)
from DeepRegistrationLib.workflows.biplanar_result import BiplanarInputs
from DeepRegistrationLib.workflows.biplanar_targets import make_target, proposed_shadow, shadow_of_ends

START, POSE, SHAPE = "Looking for the bone", "Pose and proportions", "Shape"
_COARSE_MM, _FINE_MM = 4.0, 2.5
_COARSE_PX, _FINE_PX, _START_PX = 56, 112, 32
_STARTS = 24
_LOCAL_MM, _BROAD_MM = 4.0, 4.0
"""Standard deviation of what goes beyond the modes of a model: of each control point alone, and of what
control points within some cm share [mm]. Set on the validation subject, whose femur no mode has seen."""

_NO_WEIGHTS = (
    f"The method '{BiplanarMethod.NETWORK}' needs the network {BIPLANAR_NET}, whose weights are not "
    "installed. Choose auto or optimize, which need none."
)
_UNSUITED = (
    f"The network {BIPLANAR_NET} cannot be asked about these images: {{}}. Choose auto or optimize, which "
    "take any."
)
_WITHOUT_NETWORK = f"The network {BIPLANAR_NET} is not installed: the bone was looked for without it."
_NOT_ASKED = f"The network {BIPLANAR_NET} was not asked, because {{}}: the bone was looked for without it."

Advance = Callable[[float, str, np.ndarray | None], None]
"""Told the fraction done, the stage and the pose so far (world from atlas); raises to stop."""


@dataclass(frozen=True, eq=False)
class FoundShape:
    """What a method found.

    Attributes:
        fit: numbers, and the objective at the last level.
        bent: turns the numbers into maps.
        start: (4, 4); world from atlas at which the fit began.
        shadows: (rows, columns) bool for each view; given or proposed.
        notes: sentences for the user.
        history: stage -> cost at each iteration.
        models: networks that took part.
    """

    fit: BiplanarFit
    bent: AtlasMap
    start: np.ndarray
    shadows: tuple[torch.Tensor, ...]
    notes: tuple[str, ...] = ()
    history: dict[str, list[float]] = field(default_factory=dict)
    models: tuple[ModelStamp, ...] = ()


def find_shape(
    inputs: BiplanarInputs,
    atlas: BendableAtlas,
    settings: BiplanarSettings,
    device: torch.device,
    advance: Advance,
) -> FoundShape:
    """Finds pose and shape by the method of the settings.

    Args:
        inputs: radiographs and shadows.
        atlas: prepared.
        settings: choices.
        device: where to compute.
        advance: follows and can stop.
    """
    if settings.method is BiplanarMethod.NETWORK:
        return _answered(inputs, atlas, settings, device)
    answer, notes = _proposed(inputs, settings, device)
    model, about_model = _model(inputs, atlas, settings)
    grids = [atlas.grid(_COARSE_MM), atlas.grid(_FINE_MM)]
    channels = [atlas.channels(grid, device) for grid in grids]
    shadows = _shadows(inputs, atlas, inputs.start)
    targets = _targets(inputs, atlas, inputs.start, shadows, _START_PX)
    start = find_start(
        channels[0],
        grids[0],
        targets,
        inputs.start,
        atlas.centre_ras,
        settings.search_rotation_deg,
        settings.search_translation_mm,
        _STARTS,
        settings.seed,
        lambda fraction: advance(fraction, START, None),
        () if answer is None else [answer.world_from_atlas(inputs.start, atlas.centre_ras)],
    )
    shadows = _shadows(inputs, atlas, start)
    levels = [
        FitLevel(channel, grid, _targets(inputs, atlas, start, shadows, pixels))
        for channel, grid, pixels in zip(channels, grids, (_COARSE_PX, _FINE_PX), strict=True)
    ]
    beams = np.stack([radiograph.camera.viewing_direction for radiograph in inputs.radiographs])
    bent = AtlasMap(model, np.linalg.inv(start), atlas.centre_ras, _spread(settings), beams)
    fit = _fitted(levels, atlas.grid(FLOW_MM, border=1), bent, settings, advance)
    models = () if answer is None else (answer.stamp,)
    return FoundShape(fit, bent, start, shadows, (*notes, *about_model), fit.history, models)


def _proposed(
    inputs: BiplanarInputs, settings: BiplanarSettings, device: torch.device
) -> tuple[NetworkMap | None, tuple[str, ...]]:
    """The network's answer where `auto` may ask it, and why not where it may not."""
    if settings.method is not BiplanarMethod.AUTO:
        return None, ()
    if not is_network_installed():
        return None, (_WITHOUT_NETWORK,)
    try:
        return ask_network(inputs, device), ()
    except NetworkUnsuitedError as err:
        return None, (_NOT_ASKED.format(err),)


def _answered(
    inputs: BiplanarInputs, atlas: BendableAtlas, settings: BiplanarSettings, device: torch.device
) -> FoundShape:
    """The network's answer as it is, with what products and confidence need to know of the radiographs."""
    if not is_network_installed():
        raise InputError(_NO_WEIGHTS)
    try:
        answer = ask_network(inputs, device)
    except NetworkUnsuitedError as err:
        raise InputError(_UNSUITED.format(err)) from err
    spread = _spread(settings)
    bent, numbers = as_numbers(answer, atlas, inputs.model, inputs.start, spread)
    shadows = _shadows(inputs, atlas, inputs.start)
    grid = atlas.grid(_FINE_MM)
    targets = _targets(
        inputs,
        atlas,
        answer.world_from_atlas(inputs.start, atlas.centre_ras),
        shadows,
        _FINE_PX,
    )
    flow_grid = atlas.grid(FLOW_MM, border=1)
    weights = BiplanarWeights()
    objective = BiplanarObjective(atlas.channels(grid, device), grid, flow_grid, bent, targets, weights)
    fit = BiplanarFit(numbers, objective)
    return FoundShape(fit, bent, inputs.start, shadows, models=(answer.stamp,))


def _fitted(
    levels: list[FitLevel],
    flow_grid: VolumeGeometry,
    bent: AtlasMap,
    settings: BiplanarSettings,
    advance: Advance,
) -> BiplanarFit:
    """Pose and proportions, then everything.

    Modes are not fitted before what goes beyond them is free: they would take over what is not theirs.
    """
    views = ("views",) if settings.view_rotation_deg or settings.view_translation_mm else ()
    shape = ("modes",) if bent.model.count else ()
    everything = (*shape, "local") if bent.spread.local else shape
    stages = [
        FitStage(0, ("pose", "stretch"), 8),
        FitStage(1, ("pose", "stretch", *everything, *views), 180 if bent.spread.local else 60),
    ]
    pose_part = stages[0].iterations / sum(stage.iterations for stage in stages)

    def watch(fraction: float, cost: float, numbers: DeformationNumbers) -> None:
        pose = np.linalg.inv(bent.atlas_from_world(numbers).detach().numpy())
        advance(fraction, POSE if fraction <= pose_part else SHAPE, pose)

    return fit_atlas(levels, flow_grid, bent, stages, BiplanarWeights(), None, watch)


def _model(
    inputs: BiplanarInputs, atlas: BendableAtlas, settings: BiplanarSettings
) -> tuple[DeformationModel, tuple[str, ...]]:
    """The shape model; one that knows smoothness only where none was given."""
    notes: tuple[str, ...] = ()
    if inputs.model is None:
        if settings.method is BiplanarMethod.SDM:
            notes = (
                "The atlas has no shape model: pose and proportions were fitted only. Make a model with "
                "`deepregistration shape-model`.",
            )
        return free_model(control_grid(atlas)), notes
    return replace(inputs.model, local_mm=_LOCAL_MM, broad_mm=_BROAD_MM), notes


def _spread(settings: BiplanarSettings) -> Spread:
    return Spread(
        settings.search_rotation_deg,
        settings.search_translation_mm,
        modes=settings.shape_freedom,
        local=0.0 if settings.method is BiplanarMethod.SDM else settings.shape_freedom,
        view_deg=settings.view_rotation_deg,
        view_mm=settings.view_translation_mm,
    )


def _shadows(
    inputs: BiplanarInputs, atlas: BendableAtlas, world_from_atlas: np.ndarray
) -> tuple[torch.Tensor, ...]:
    """Given shadows; where there is none, that of the atlas with a margin."""
    return tuple(
        proposed_shadow(radiograph, atlas.labels, world_from_atlas) if shadow is None else shadow.cpu()
        for radiograph, shadow in zip(inputs.radiographs, inputs.shadows, strict=True)
    )


def _targets(
    inputs: BiplanarInputs,
    atlas: BendableAtlas,
    world_from_atlas: np.ndarray,
    regions: tuple[torch.Tensor, ...],
    pixels: int,
) -> tuple[BiplanarTarget, ...]:
    """Radiographs at one level, with the atlas where it stands at its start."""
    found = []
    for radiograph, shadow, region in zip(inputs.radiographs, inputs.shadows, regions, strict=True):
        ends = shadow_of_ends(radiograph, atlas.ends, world_from_atlas)
        device = radiograph.values.device
        found.append(make_target(radiograph, shadow, region.to(device), ends.to(device), pixels))
    return tuple(found)
