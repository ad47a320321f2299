"""Registers the synthetic case of a job and measures the error: what the self-tests of the module do."""

import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, FetalSliceSettings
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeSettings
from DeepRegistrationLib.jobs.job import JobKind
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod, UsAnglesSettings
from DeepRegistrationLib.jobs.xray_ct import XrayCtSettings
from DeepRegistrationSlicer.AtlasSource import AtlasByAge
from DeepRegistrationSlicer.FetalSliceRequest import FetalSliceRequest
from DeepRegistrationSlicer.FetalVolumeRequest import FetalVolumeRequest
from DeepRegistrationSlicer.FrameSource import Triplet
from DeepRegistrationSlicer.Logic import RegistrationLogic
from DeepRegistrationSlicer.MrmlBridge import loadVolume, matrixOf, rasFromIjk
from DeepRegistrationSlicer.Request import Request
from DeepRegistrationSlicer.ResultNodes import ResultNodes
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
    """

    angleDeg: float
    distanceMm: float


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
    return error(nodes, truth)


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
    views = (
        RadiographSource(
            loadVolume(folder / f"xray{number}.nrrd", f"Phantom view {number}"),
            file=folder / f"camera{number}.json",
        )
        for number in (1, 2)
    )
    return XrayCtRequest(body, tuple(views), bones, settings=settings)


def _usAngles(folder: Path) -> UltrasoundRequest:
    frames = (loadVolume(folder / f"frame{number}.nrrd", f"Phantom frame {number}") for number in (1, 2, 3))
    return UltrasoundRequest(Triplet(*frames), settings=UsAnglesSettings(UsAnglesMethod.SEARCH_REFINE))


def _poseError(nodes: ResultNodes, truth: dict) -> PhantomError:
    found, known = matrixOf(nodes.transform), np.array(truth["matrix"])
    centre = np.append(truth["centre"], 1.0)
    turn = found[:3, :3].T @ known[:3, :3]
    cosine = np.clip((np.trace(turn) - 1) / 2, -1, 1)
    return PhantomError(
        float(np.degrees(np.arccos(cosine))), float(np.linalg.norm(found @ centre - known @ centre))
    )


def _frameError(nodes: ResultNodes, truth: dict) -> PhantomError:
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


PHANTOM_JOBS: dict[JobKind, tuple[Callable[[Path], Request], Callable[[ResultNodes, dict], PhantomError]]] = {
    JobKind.FETAL_VOLUME: (_fetalVolume, _poseError),
    JobKind.FETAL_SLICE: (_fetalSlice, _poseError),
    JobKind.XRAY_CT: (_xrayCt, _poseError),
    JobKind.US_ANGLES: (_usAngles, _frameError),
}
"""How each job registers its synthetic case, and how its error is measured; a new job adds its own here."""
