"""Subjects made of a few bright blobs, so that one sees where a point of the atlas goes."""

import torch

from DeepRegistrationLib.data.corruption import CorruptionSettings
from DeepRegistrationLib.data.foreign_tissue import ForeignTissueSettings
from DeepRegistrationLib.data.random_contrast import ContrastSettings
from DeepRegistrationLib.data.random_shapes import ShapeSettings
from DeepRegistrationLib.data.subjects import SubjectCubes
from DeepRegistrationLib.data.tissues import TISSUES
from DeepRegistrationLib.geometry.canonical_grid import cube_offsets

PLAIN_CONTRAST = ContrastSettings(remapped=0.0, from_tissues=0.0, gamma=0.0)
PLAIN_SHAPE = ShapeSettings(size=0.0, stretch=0.0, deformation=0.0)
NOTHING_FOREIGN = ForeignTissueSettings(share=0.0)
PLAIN_SCANNER = CorruptionSettings(bias=0.0, blur=0.0, noise=0.0, cut=0.0)


def subjects_with(
    *points: tuple[float, float, float], size: int = 48, symmetric: bool = False
) -> SubjectCubes:
    """One subject per point: a ball of radius 1.2 with a bright blob at the point [brain radii]."""
    offsets = cube_offsets(size)
    ball = (offsets.norm(dim=-1) < 1.2).float()
    images = []
    for point in points:
        centres = [torch.tensor(point)]
        if symmetric:
            centres.append(torch.tensor(point) * torch.tensor([-1.0, 1.0, 1.0]))
        images.append(sum(torch.exp(-((offsets - c).square().sum(-1)) / (2 * 0.1**2)) for c in centres))
    tissues = torch.zeros(len(points), len(TISSUES), size, size, size)
    tissues[:, 0] = ball
    return SubjectCubes(
        intensity=torch.stack(images)[:, None].clamp(max=1),
        mask=ball.expand(len(points), 1, -1, -1, -1).contiguous(),
        tissues=tissues,
        ages_weeks=torch.arange(len(points)) * 2.0 + 22,
        origin=torch.zeros(len(points), 3),
        names=tuple(f"subject {index}" for index in range(len(points))),
    )


def brightest(images: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """(B, D); centre of what is bright in images (B, 1, n, ..., n) at offsets (n, ..., n, D)."""
    flat = images.flatten(1)
    weight = (flat - flat.amax(1, keepdim=True) * 0.5).clamp(min=0)
    return weight @ offsets.reshape(-1, offsets.shape[-1]) / weight.sum(1, keepdim=True)
