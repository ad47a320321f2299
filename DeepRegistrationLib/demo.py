"""The demo: a brain in an arbitrary orientation is registered to the atlas, with whatever data there is.

Real data come from a folder, from `../shared/data` beside a checkout or from the internet; without them
a synthetic brain takes their place, and the answer says so.
"""

import dataclasses
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.data.phantom import fetal_brain_phantom, write_phantom_atlas
from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.geometry.rigid import rotation_about, rotation_error_deg, translation_error_mm
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.job_runner import run_job
from DeepRegistrationLib.jobs.fetal_volume import Device, FetalVolumeFiles, FetalVolumeSettings
from DeepRegistrationLib.jobs.job import ExitCode, Job, JobKind, Outputs
from DeepRegistrationLib.progress import Report, keep_going
from DeepRegistrationLib.sample_data import (
    FETAL_ATLAS,
    catalogue,
    data_folder,
    find_sample,
    installed_atlas_folder,
    is_installed,
)
from DeepRegistrationLib.sample_download import download

_BRAIN = "fetal-brain"
_TURN_DEG = 137.0
# no axis of the scanner, so that all three angles are needed
_TURN_AXIS = (0.48, -0.62, 0.62)
_SHIFT_MM = (35.0, -60.0, 20.0)
_MOVED = f"turned by {_TURN_DEG:g} degrees about a skew axis and moved by {np.linalg.norm(_SHIFT_MM):.0f} mm"
_PHANTOM_WEEKS = 29.0


@dataclass(frozen=True)
class DemoOutcome:
    """What the demo has to tell.

    Attributes:
        exit_code: of the registration.
        lines: for the user.
    """

    exit_code: ExitCode
    lines: list[str]


@dataclass(frozen=True)
class _Case:
    """A brain as it came, and what it is registered to.

    Attributes:
        moving: image in its arbitrary orientation.
        atlas_dir: atlas.
        described: what the brain is, one sentence.
        true_map: (4, 4) subject RAS from atlas RAS if it is known.
    """

    moving: Volume
    atlas_dir: Path
    described: str
    true_map: np.ndarray | None


def run_demo(
    output: Path, data: Path | None = None, device: Device = Device.AUTO, report: Report = keep_going
) -> DemoOutcome:
    """Runs the demo.

    Args:
        output: result folder, with the pictures also as PNG files.
        data: folder with the sample data; None looks for it, downloads it, or does without.
        device: where torch computes.
        report: receives progress; False stops.

    Returns:
        Exit code and the text to show.

    Raises:
        InputError: `data` holds no samples, or `output` is no folder for a result.
        RegistrationError: this machine cannot do it.
        Cancelled: `report` returned False.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder, reason = _real_data(data, report)
        case = _real_case(folder) if folder else _phantom_case(Path(scratch), reason)
        moving = Path(scratch) / "turned-brain.nrrd"
        write_nrrd(case.moving, moving)
        job = Job(
            JobKind.FETAL_VOLUME,
            FetalVolumeFiles(moving, atlas_dir=case.atlas_dir),
            FetalVolumeSettings(device=device),
            output,
            Outputs(pictures=True),
        )
        outcome = run_job(job, report)
    lines = [case.described, outcome.message, *_details(output, case), "Pictures:"]
    lines += [f"  {picture}" for picture in sorted(output.glob("picture-*.png"))]
    lines.append(f"Report: {output / 'report.html'}")
    return DemoOutcome(outcome.exit_code, lines)


def _real_data(data: Path | None, report: Report) -> tuple[Path | None, str]:
    """The data folder; else None and why there is none."""
    if data is not None:
        if not _has_samples(data):
            raise InputError(
                f"The folder '{data}' does not hold the samples '{FETAL_ATLAS}' and '{_BRAIN}'. "
                "Leave out --data to download them, or name a folder that holds them."
            )
        return data, ""
    beside_checkout = Path(__file__).parents[2] / "shared" / "data"
    for folder in (data_folder(), beside_checkout):
        if _has_samples(folder):
            return folder, ""
    try:
        for name in (FETAL_ATLAS, _BRAIN):
            # the bar of the registration starts again at 0: two bars are told apart by their texts
            download(find_sample(name), report)
    except RegistrationError as error:
        return None, str(error)
    return data_folder(), ""


def _has_samples(folder: Path) -> bool:
    return all(is_installed(find_sample(name), folder) for name in (FETAL_ATLAS, _BRAIN))


def _real_case(folder: Path) -> _Case:
    sample = catalogue()[_BRAIN]
    brain = read_volume(folder / sample.files[0].path)
    turned = brain.geometry.moved(_turn(brain.geometry.centre_ras))
    return _Case(
        dataclasses.replace(brain, geometry=turned),
        installed_atlas_folder(folder),
        f"A real fetal brain ({sample.title}; {sample.licence}; {sample.source}), {_MOVED}.\n"
        f"Atlas: {catalogue()[FETAL_ATLAS].citation}; {catalogue()[FETAL_ATLAS].licence}.",
        None,
    )


def _phantom_case(scratch: Path, reason: str) -> _Case:
    write_phantom_atlas(scratch / "atlas", weeks=(27, 29, 31))
    turn = _turn(np.zeros(3))
    image, _, _ = fetal_brain_phantom(_PHANTOM_WEEKS, ras_from_phantom=turn)
    return _Case(
        image,
        scratch / "atlas",
        f"No real data: {reason}\nInstead a SYNTHETIC brain, made of ellipsoids, {_MOVED}.",
        turn,
    )


def _turn(centre_ras: np.ndarray) -> np.ndarray:
    """(4, 4) new RAS from old RAS: the head turns about `centre_ras` and moves on."""
    axis = torch.tensor(_TURN_AXIS, dtype=torch.float64)
    rotation = matrix_from_rotation_vector(np.radians(_TURN_DEG) * axis / axis.norm())
    matrix = rotation_about(rotation, torch.as_tensor(centre_ras, dtype=torch.float64)).numpy()
    matrix[:3, 3] += _SHIFT_MM
    return matrix


def _details(output: Path, case: _Case) -> list[str]:
    content = json.loads((output / "result.json").read_text(encoding="utf-8"))
    lines = []
    if case.true_map is not None:
        found = torch.tensor(content["transforms"]["atlas_from_subject"]["matrix"], dtype=torch.float64)
        true = torch.as_tensor(np.linalg.inv(case.true_map))
        turned = float(rotation_error_deg(found, true))
        moved = float(translation_error_mm(found, true, torch.as_tensor(case.true_map[:3, 3])))
        lines.append(
            f"The true pose is known here; the answer is off by {turned:.2f} degrees and {moved:.2f} mm."
        )
    return [*lines, f"Time: {sum(content['seconds'].values()):.1f} s."]
