"""Places of a femur, found once on the template and carried to every shape by its vertices."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from DeepRegistrationLib.data.bone_mesh import BoneMesh
from DeepRegistrationLib.data.femur_frame import fit_sphere


@dataclass(frozen=True, eq=False)
class FemurRegions:
    """The template's anatomy.

    Attributes:
        template: in the frame of `femur_frame.py`; the origin is the centre of its head.
        radius_mm: of its head.
        head: indices of the vertices on the sphere of the head.
        landmarks: name -> index of a vertex.
        thickness_mm: (N,); of the cortical bone under each vertex, on average.
        density: (N,); of the cortical bone, 1 in the shaft.
    """

    template: BoneMesh
    radius_mm: float
    head: np.ndarray
    landmarks: Mapping[str, int]
    thickness_mm: np.ndarray
    density: np.ndarray

    def points(self, vertices: np.ndarray) -> dict[str, np.ndarray]:
        """Landmarks of a shape (N, 3), and the centre of its head, each (3,) [mm]."""
        places = {name: vertices[index] for name, index in self.landmarks.items()}
        return {"head_centre": fit_sphere(vertices[self.head])[0], **places}


def find_regions(template: BoneMesh, head_radius_mm: float) -> FemurRegions:
    """Finds head, trochanters and cortex of a whole right femur in its own frame.

    Thickness: about 1 mm around head and trochanter, 3 at the medial neck (calcar), 6 in the shaft.

    Args:
        template: in the frame of `femur_frame.py`.
        head_radius_mm: of its head.

    Source: own definition, with the thicknesses that CTs show (Treece et al., "High resolution cortical bone
        thickness measurement from clinical CT data", Medical Image Analysis 2010, figures).
    """
    x, y, z = (template.vertices / head_radius_mm).T
    outward = template.vertices / np.linalg.norm(template.vertices, axis=1, keepdims=True)
    distance = np.linalg.norm(template.vertices, axis=1)
    head = np.flatnonzero(
        (np.abs(distance - head_radius_mm) < 1.5) & ((outward * template.normals).sum(1) > 0.9) & (x < 0.7)
    )
    above, near_lesser = (x > 1.2) & (z > -1.5), (z > -3.0) & (z < -1.7) & (x < 1.6)
    landmarks = {
        "head_top": int(head[np.argmax(template.vertices[head, 2])]),
        "greater_trochanter": int(np.argmax(np.where(above, z, -np.inf))),
        "lesser_trochanter": int(np.argmax(np.where(near_lesser, -y - 0.5 * x, -np.inf))),
        "lateral_trochanter": int(np.argmax(np.where(z > -2.0, x, -np.inf))),
    }
    bottom = float(z.min())
    shaft = smooth_step(-1.6, -4.0, z) * (1 - smooth_step(0.72 * bottom, 0.9 * bottom, z))
    medial = np.clip(-template.normals[:, 0], 0, 1) * (x > 0) * smooth_step(-0.6, -1.2, z)
    calcar = medial * (1 - shaft) * smooth_step(bottom * 0.5, -3.0, z)
    thickness = 1.1 + 4.9 * shaft + 2.2 * calcar
    density = 0.62 + 0.38 * np.clip(shaft + 0.8 * calcar, 0, 1)
    return FemurRegions(template, head_radius_mm, head, landmarks, thickness, density)


def smooth_step(zero_at: float, one_at: float, values: np.ndarray) -> np.ndarray:
    """0 before `zero_at`, 1 after `one_at`, without edges between; either may be larger."""
    part = np.clip((values - zero_at) / (one_at - zero_at), 0, 1)
    return part * part * (3 - 2 * part)
