"""One template bent onto every femur, so that each vertex is the same place of the anatomy in all of them.

First the lengths of head and bone, then a linear map, then displacements that are smooth over ever smaller
distances: from each vertex to the plane of the nearest surface with a similar normal, and back from the
target's vertices, which pulls on what the template would miss.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from DeepRegistrationLib.data.bone_mesh import BoneMesh


@dataclass(frozen=True)
class CorrespondenceSettings:
    """How the template is bent.

    Attributes:
        smoothness_mm: standard deviation of the kernel that smooths displacements, one stage each [mm].
        iterations: per stage.
        farthest_mm: pairs that are further apart do not count, in the first stage; it shrinks with the
            smoothness [mm].
        similar_normal: smallest cosine between the normals of a pair.
        linear_iterations: of the linear map before.
    """

    smoothness_mm: tuple[float, ...] = (60.0, 30.0, 15.0, 8.0, 4.0)
    iterations: int = 12
    farthest_mm: float = 25.0
    similar_normal: float = 0.6
    linear_iterations: int = 15


def bend_template(
    template: BoneMesh, target: BoneMesh, scale: float, settings: CorrespondenceSettings | None = None
) -> BoneMesh:
    """The template in the shape of another femur.

    Args:
        template: a whole femur in the frame of `femur_frame.py`.
        target: a femur in this frame; its lower end may be missing: there the template follows smoothly.
        scale: radius of the target's head over that of the template's.
        settings: how it is bent.

    Returns:
        The template's triangles with the target's shape.

    Source: iterative closest points with locally smooth displacements; the idea of Amberg et al., "Optimal
        step nonrigid ICP algorithms for surface registration", CVPR 2007, with kernels for the stiffness.
    """
    settings = settings or CorrespondenceSettings()
    whole = -target.vertices[:, 2].min() > 0.75 * scale * -template.vertices[:, 2].min()
    lengths = np.full(3, scale)
    if whole:
        lengths[2] = target.vertices[:, 2].min() / template.vertices[:, 2].min()
    bent = template.with_vertices(template.vertices * lengths)
    cut = -np.inf if whole else target.vertices[:, 2].min() + 4.0
    tree = cKDTree(target.vertices)
    for _ in range(settings.linear_iterations):
        residual, valid = _residuals(bent, target, tree, settings.farthest_mm, settings, cut)
        bent = bent.with_vertices(_linear_step(bent.vertices, residual, valid))
    for sigma in settings.smoothness_mm:
        smooth = _smoother(bent.vertices, sigma)
        farthest = max(3.0, settings.farthest_mm * sigma / settings.smoothness_mm[0])
        for _ in range(settings.iterations):
            residual, valid = _residuals(bent, target, tree, farthest, settings, cut)
            bent = bent.with_vertices(bent.vertices + smooth(residual, valid))
    return bent


def surface_distance(mesh: BoneMesh, target: BoneMesh) -> np.ndarray:
    """(N,); distance of each vertex from the plane of the nearest vertex of another surface [mm]."""
    _, nearest = cKDTree(target.vertices).query(mesh.vertices)
    return np.abs(((target.vertices[nearest] - mesh.vertices) * target.normals[nearest]).sum(1))


def _residuals(
    bent: BoneMesh,
    target: BoneMesh,
    tree: cKDTree,
    farthest: float,
    settings: CorrespondenceSettings,
    cut: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Where each vertex should go (N, 3), and how much each is to be believed (N,)."""
    distance, nearest = tree.query(bent.vertices)
    normal = target.normals[nearest]
    alike = (normal * bent.normals).sum(1) > settings.similar_normal
    forward = ((target.vertices[nearest] - bent.vertices) * normal).sum(1, keepdims=True) * normal
    believed = (alike & (distance < farthest) & (bent.vertices[:, 2] > cut)).astype(float)
    total, count = forward * believed[:, None], believed.copy()
    # back: every target vertex pulls the template's vertex that is nearest to it
    back_distance, back = cKDTree(bent.vertices).query(target.vertices)
    pulls = (back_distance < farthest) & (
        (target.normals * bent.normals[back]).sum(1) > settings.similar_normal
    )
    wanted = target.vertices[pulls] - bent.vertices[back[pulls]]
    own = bent.normals[back[pulls]]
    wanted = (wanted * own).sum(1, keepdims=True) * own
    for axis in range(3):
        total[:, axis] += np.bincount(back[pulls], wanted[:, axis], len(total))
    count += np.bincount(back[pulls], minlength=len(total))
    return total / np.maximum(count, 1)[:, None], np.minimum(count, 1.0)


def _linear_step(vertices: np.ndarray, residual: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Vertices after the affine map that brings them nearest to where they should go."""
    middle = vertices.mean(0)
    system = np.column_stack([vertices - middle, np.full(len(vertices), 50.0)])
    weighted = system * valid[:, None]
    # a little stiffness: a part of a bone does not tell all of the map
    normal = weighted.T @ system + 1e-3 * valid.sum() * np.eye(4) * 50.0**2
    return vertices + system @ np.linalg.solve(normal, weighted.T @ residual)


def _smoother(vertices: np.ndarray, sigma: float):
    """Function that turns residuals into displacements smooth over `sigma`."""
    # residuals are gathered on a thinner set of vertices where they are smoothed over a long distance
    cell = np.floor(vertices / max(sigma / 3, 1.0)).astype(np.int64)
    _, member = np.unique(cell, axis=0, return_inverse=True)
    member = member.ravel()
    groups = member.max() + 1
    size = np.bincount(member)
    middles = np.stack([np.bincount(member, vertices[:, axis]) / size for axis in range(3)], axis=1)
    near = cKDTree(vertices).sparse_distance_matrix(cKDTree(middles), 2.5 * sigma, output_type="coo_matrix")
    kernel = csr_matrix(
        (np.exp(-(near.data**2) / (2 * sigma**2)), (near.row, near.col)), shape=(len(vertices), groups)
    )

    def smooth(residual: np.ndarray, valid: np.ndarray) -> np.ndarray:
        sums = np.stack([np.bincount(member, residual[:, a] * valid, groups) for a in range(3)], axis=1)
        weight = kernel @ np.bincount(member, valid, groups)
        # where nothing is believed, nothing moves
        return (kernel @ sums) / (weight + 0.02 * kernel.sum(1).A1 + 1e-9)[:, None]

    return smooth
