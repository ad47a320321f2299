"""Whether the CT stands where the X-ray beam can meet it, before a search for its pose begins."""

import numpy as np

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.workflows.xray_result import XrayCtInputs


def check_placement(inputs: XrayCtInputs) -> None:
    """Refuses a start pose from which no search can begin.

    Args:
        inputs: CT, radiographs with cameras, start pose.

    Raises:
        InputError: the CT lies behind a source, behind a detector, or beside the beam.
    """
    for radiograph in inputs.radiographs:
        _check_view(inputs.ct, inputs.start, radiograph.camera, radiograph.name)


def _check_view(ct: Volume, world_from_ct: np.ndarray, camera: Camera, name: str) -> None:
    middle = world_from_ct[:3, :3] @ ct.geometry.centre_ras + world_from_ct[:3, 3]
    shadow, depth_mm = camera.project(middle)
    if depth_mm <= 0:
        raise _refused(name, f"behind the X-ray source: its middle is {-depth_mm:.0f} mm behind it")
    radius_mm = float(np.linalg.norm(ct.geometry.extent_mm)) / 2
    if depth_mm - radius_mm > camera.source_to_detector_mm:
        beyond_mm = depth_mm - camera.source_to_detector_mm
        raise _refused(name, f"behind the detector: its middle is {beyond_mm:.0f} mm beyond it")
    # how far beside the image the shadow of the middle lies, brought back to the depth of the CT
    last = np.array(camera.image_size_px) - 1
    outside_px = np.maximum(0, np.maximum(-shadow, shadow - last))
    beside_mm = float(np.linalg.norm(outside_px * camera.pixel_spacing_mm)) * float(
        depth_mm / camera.source_to_detector_mm
    )
    if beside_mm > radius_mm:
        raise _refused(name, f"beside the X-ray beam: its middle is {beside_mm:.0f} mm away from it")


def _refused(name: str, where: str) -> InputError:
    return InputError(
        f"At the start pose the CT lies {where} (radiograph '{name}'). Check the geometry of the radiograph, "
        "or give an initial pose that puts the CT between source and detector."
    )
