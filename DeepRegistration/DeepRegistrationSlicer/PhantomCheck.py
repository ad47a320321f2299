"""Registers the synthetic case of a job and measures the error: what the self-tests of the module do."""

import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.biplanar import BiplanarMethod, BiplanarSettings
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, FetalSliceSettings
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeSettings
from DeepRegistrationLib.jobs.job import JobKind
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod, UsAnglesSettings
from DeepRegistrationLib.jobs.xray_ct import XrayCtSettings
from DeepRegistrationSlicer.AtlasSource import AtlasByAge, BoneAtlas
from DeepRegistrationSlicer.BiplanarRequest import BiplanarRequest
from DeepRegistrationSlicer.BiplanarResultLoader import BENT_LABELS
from DeepRegistrationSlicer.FetalSliceRequest import FetalSliceRequest
from DeepRegistrationSlicer.FetalVolumeRequest import FetalVolumeRequest
from DeepRegistrationSlicer.FrameSource import Triplet
from DeepRegistrationSlicer.Logic import RegistrationLogic
from DeepRegistrationSlicer.MrmlBridge import (
    arrayOf,
    createLinearTransform,
    loadVolume,
    matrixOf,
    rasFromIjk,
    readVolume,
)
from DeepRegistrationSlicer.MrmlLabels import writeLabelsOnGrid
from DeepRegistrationSlicer.Request import Request
from DeepRegistrationSlicer.ResultNodes import AFFINE, ResultNodes
from DeepRegistrationSlicer.SliceSource import SliceSource
from DeepRegistrationSlicer.UltrasoundRequest import UltrasoundRequest
from DeepRegistrationSlicer.UltrasoundResultLoader import SECOND_TRANSFORM
from DeepRegistrationSlicer.WorkerProcess import pythonProgram, workerEnvironment
from DeepRegistrationSlicer.XrayCtRequest import XrayCtRequest
from DeepRegistrationSlicer.XrayGeometry import RadiographSource

_LABELS = "vtkMRMLLabelMapVolumeNode"
_WEEKS = 28.0
_TRUTH = "truth.json"


@dataclass(frozen=True)
class PhantomError:
    """How far a registration is from the truth.

    Attributes:
        angleDeg: angle between the two rotations [degrees].
        distanceMm: distance between the two places of the object's centre [mm].
        dice: overlap with the true labels, 0 to 1; None where the job finds no shape.
    """

    angleDeg: float
    distanceMm: float
    dice: float | None = None


def writePhantom(job: JobKind, folder: Path) -> dict[str, object]:
    """Writes the synthetic case of a job in the Python of the worker, and returns its truth.

    Raises:
        RegistrationError: it cannot be made.
    """
    words = ["-m", "DeepRegistrationLib.cli", "data", "phantom", str(job), "--output", str(folder), "--quiet"]
    done = subprocess.run(
        [pythonProgram(), *words], env=workerEnvironment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RegistrationError(f"The synthetic case of '{job}' could not be made: {done.stderr.strip()}")
    return json.loads((folder / _TRUTH).read_text(encoding="utf-8"))


def checkPhantom(job: JobKind, logic: RegistrationLogic) -> PhantomError:
    """Loads the synthetic case of a job into the scene, registers it and measures the error.

    Args:
        job: which registration; one of `PHANTOM_JOBS`.
        logic: runs it.

    Raises:
        RegistrationError: the case cannot be made, or not be registered.
    """
    request, error = PHANTOM_JOBS[job]
    with tempfile.TemporaryDirectory(prefix="DeepRegistration-phantom-") as name:
        truth = writePhantom(job, Path(name))
        nodes = logic.startRegistration(request(Path(name))).outcome.nodes
        return error(nodes, truth, Path(name))


def _fetalVolume(folder: Path) -> FetalVolumeRequest:
    settings = FetalVolumeSettings(gestational_age_weeks=_WEEKS, candidates=4)
    brain = loadVolume(folder / "brain.nii.gz", "Phantom brain")
    return FetalVolumeRequest(brain, atlas=AtlasByAge(folder / "atlas"), settings=settings)


def _fetalSlice(folder: Path) -> FetalSliceRequest:
    settings = FetalSliceSettings(FetalSliceMethod.BANK, gestational_age_weeks=_WEEKS, candidates=16)
    source = SliceSource(loadVolume(folder / "slice.nrrd", "Phantom slice"))
    mask = loadVolume(folder / "slice_mask.nrrd", "Phantom slice mask", _LABELS)
    return FetalSliceRequest(source, mask, AtlasByAge(folder / "atlas"), settings)


def _xrayCt(folder: Path) -> XrayCtRequest:
    settings = XrayCtSettings(search_rotation_deg=12.0, search_translation_mm=15.0, candidates=8, rounds=1)
    body = loadVolume(folder / "ct.nrrd", "Phantom body")
    bones = loadVolume(folder / "bones.nrrd", "Phantom bones", _LABELS)
    return XrayCtRequest(body, _views(folder), bones, settings=settings)


def _biplanar(folder: Path) -> BiplanarRequest:
    masks = (loadVolume(folder / f"mask{n}.nrrd", f"Phantom mask {n}", _LABELS) for n in (1, 2))
    settings = BiplanarSettings(BiplanarMethod.SDM)
    return BiplanarRequest(_views(folder), tuple(masks), BoneAtlas(folder / "atlas"), settings=settings)


def _views(folder: Path) -> tuple[RadiographSource, RadiographSource]:
    return tuple(
        RadiographSource(
            loadVolume(folder / f"xray{number}.nrrd", f"Phantom view {number}"),
            file=folder / f"camera{number}.json",
        )
        for number in (1, 2)
    )


def _usAngles(folder: Path) -> UltrasoundRequest:
    frames = (loadVolume(folder / f"frame{number}.nrrd", f"Phantom frame {number}") for number in (1, 2, 3))
    return UltrasoundRequest(Triplet(*frames), settings=UsAnglesSettings(UsAnglesMethod.SEARCH_REFINE))


def _poseError(nodes: ResultNodes, truth: dict, _folder: Path) -> PhantomError:
    return _apart(nodes.transform, truth)


def _shapeError(nodes: ResultNodes, truth: dict, folder: Path) -> PhantomError:
    """Of the affine part, and how the bent labels overlap with those of the atlas at the true place."""
    true = loadVolume(folder / "atlas" / "atlas_labels.nrrd", "True bones", _LABELS)
    true.SetAndObserveTransformNodeID(createLinearTransform(truth["matrix"], "truth").GetID())
    bones = []
    for name, labels in (("found", nodes.more[BENT_LABELS]), ("true", true)):
        path = folder / f"{name}.nrrd"
        writeLabelsOnGrid(labels, nodes.warped, None, path)
        bones.append(arrayOf(readVolume(path)) != 0)
    dice = 2 * (bones[0] & bones[1]).sum() / (bones[0].sum() + bones[1].sum())
    return replace(_apart(nodes.more[AFFINE], truth), dice=float(dice))


def _apart(transform: slicer.vtkMRMLTransformNode, truth: dict) -> PhantomError:
    """Angle and distance between a transform and the true one; what they stretch stays out of the angle."""
    found, known = matrixOf(transform), np.array(truth["matrix"])
    centre = np.append(truth["centre"], 1.0)
    turn = _rotationOf(found).T @ _rotationOf(known)
    cosine = np.clip((np.trace(turn) - 1) / 2, -1, 1)
    return PhantomError(
        float(np.degrees(np.arccos(cosine))), float(np.linalg.norm(found @ centre - known @ centre))
    )


def _rotationOf(matrix: np.ndarray) -> np.ndarray:
    """(3, 3); the rotation nearest to the linear part: that of its polar decomposition."""
    left, _, right = np.linalg.svd(matrix[:3, :3])
    return left @ right


def _frameError(nodes: ResultNodes, truth: dict, _folder: Path) -> PhantomError:
    """The larger of the errors of both frames; the content of a frame turns about the frame's middle."""
    grid = rasFromIjk(nodes.subject)
    columns, rows, _ = nodes.subject.GetImageData().GetDimensions()
    middle = grid @ ((columns - 1) / 2, (rows - 1) / 2, 0.0, 1.0)
    u, v = (grid[:3, axis] / np.linalg.norm(grid[:3, axis]) for axis in (0, 1))
    before, _, after = truth["angles_deg"][:3]
    errors = []
    for transform, angleDeg in ((nodes.transform, before), (nodes.more[SECOND_TRANSFORM], after)):
        found = matrixOf(transform)
        turned = np.degrees(np.arctan2(v @ found[:3, :3] @ u, u @ found[:3, :3] @ u))
        # the transform turns the content back
        errors.append((abs(turned + angleDeg), np.linalg.norm(found @ middle - middle)))
    return PhantomError(*(float(max(error)) for error in zip(*errors, strict=True)))


_MakeRequest = Callable[[Path], Request]
_MeasureError = Callable[[ResultNodes, dict, Path], PhantomError]

PHANTOM_JOBS: dict[JobKind, tuple[_MakeRequest, _MeasureError]] = {
    JobKind.FETAL_VOLUME: (_fetalVolume, _poseError),
    JobKind.FETAL_SLICE: (_fetalSlice, _poseError),
    JobKind.XRAY_CT: (_xrayCt, _poseError),
    JobKind.BIPLANAR: (_biplanar, _shapeError),
    JobKind.US_ANGLES: (_usAngles, _frameError),
}
"""How each job registers its synthetic case, and how its error is measured; a new job adds its own here."""
