"""DeepNet as a similarity of a CT and its radiographs: its value, and which way to turn and to shift."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.detector_rays import DetectorRays, rays_of_cameras
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.networks.xray_deep_net import PoseLoss, XrayDeepNet
from DeepRegistrationLib.networks.xray_input import XrayInput
from DeepRegistrationLib.projection.attenuation import WATER_PER_MM
from DeepRegistrationLib.projection.projector import ProjectionSettings, project_with_tangents


@dataclass(frozen=True, eq=False)
class _View:
    """One radiograph as the network sees it: its embedding (1, E) and its rays."""

    embedding: torch.Tensor
    rays: DetectorRays


class LearnedSimilarity:
    """What a trained DeepNet says of poses.

    Args:
        network: in evaluation mode.
    """

    def __init__(self, network: XrayDeepNet) -> None:
        self._network = network
        self._input: XrayInput = network.sees

    def prepare(
        self, bones: Volume, radiographs: Sequence[Radiograph], start: np.ndarray, centre_ras: np.ndarray
    ) -> "PreparedSimilarity":
        """Everything that is the same for all poses, once: the volume's channels, the targets' embeddings.

        Args:
            bones: attenuation of the bones [1/mm], 0 elsewhere; on the device that shall compute.
            radiographs: of the views.
            start: (4, 4) float64; world from volume; tells where to look and which side is up.
            centre_ras: (3,); middle of the anatomy in the frame of the volume: what lies around it counts.

        Raises:
            RegistrationError: a radiograph does not show that point.
        """
        cube = self._input.cube(centre_ras)
        spacing_mm = np.maximum(bones.geometry.spacing_mm, self._input.voxel_mm)
        in_water = resample(downsample(bones, spacing_mm), cube).values / WATER_PER_MM
        start = np.asarray(start, dtype=np.float64)
        looked_at = start[:3, :3] @ np.asarray(centre_ras) + start[:3, 3]
        up = start[:3, 2]  # the CT's third axis runs to the head
        with torch.no_grad():
            channels = self._network.volume_net(in_water[None, None])
            views = [self._view(radiograph, looked_at, up) for radiograph in radiographs]
        return PreparedSimilarity(self._network, channels, cube, tuple(views))

    def _view(self, radiograph: Radiograph, looked_at: np.ndarray, up: np.ndarray) -> _View:
        camera: Camera = self._input.camera(radiograph.camera, looked_at, up)
        target = self._input.image(radiograph, camera)[None]
        return _View(self._network.target_encoder(target), rays_of_cameras(camera))


class PreparedSimilarity:
    """One CT and its radiographs; made by `LearnedSimilarity.prepare`.

    Args:
        network: in evaluation mode.
        channels: (1, C, n, n, n).
        cube: their grid.
        views: at least one.
    """

    def __init__(
        self, network: XrayDeepNet, channels: torch.Tensor, cube: VolumeGeometry, views: tuple[_View, ...]
    ) -> None:
        self._network, self._channels, self._cube, self._views = network, channels, cube, views
        self._settings = ProjectionSettings(step_mm=float(cube.spacing_mm[0]))

    def loss_and_gradient(self, poses: torch.Tensor) -> PoseLoss:
        """Network similarity L_N of poses, summed over the views; the smaller the more alike.

        Args:
            poses: (B, 4, 4); world from volume.

        Returns:
            Value (B,) and gradient (B, 6): turns about the axes of the world through the middle of the
            anatomy where it stands [1/rad], then shifts along them [1/mm].
        """
        value, gradient = 0.0, 0.0
        for view in self._views:
            with torch.no_grad():
                images, tangents = project_with_tangents(
                    self._channels, self._cube, view.rays, poses, self._settings
                )
            one = self._network.compare(images, tangents, view.embedding)
            value, gradient = value + one.value, gradient + one.gradient
        return PoseLoss(value, gradient)
