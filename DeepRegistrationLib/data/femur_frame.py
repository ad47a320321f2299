"""The frame of a femur by its anatomy: head centre, shaft axis, direction of the neck.

    origin   centre of the femoral head
    z        along the shaft, upwards
    x        from the head towards the shaft, perpendicular to z: lateral, which is right for a right femur
    y        z cross x: anterior for a right femur

The axes are those of RAS for a right femur whose neck lies in the coronal plane. The condyles do not enter:
most CTs of a hip end above them. Where they exist they tell the anteversion of the neck.

Source: frame of neck and shaft axis as in Van Houtte et al., 2022.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from DeepRegistrationLib.data.bone_mesh import BoneMesh
from DeepRegistrationLib.data.mask_surface import SurfacePoints
from DeepRegistrationLib.errors import InputError

_RADII_MM = (15.0, 34.0)
"""Of femoral heads, adults and older children."""
_DIRECTIONS = 200
_COVERED = 0.45
"""Least share of a sphere that the surface of a head covers; condyles cover about a quarter."""
_SHAFT = (3.0, 6.0)
"""Where the shaft is straight, below the centre of the head [radii of the head]."""
_SLICES = 13


Surface = BoneMesh | SurfacePoints
"""Both have vertices, normals, areas, a name and can be moved."""


@dataclass(frozen=True, eq=False)
class FemurFrame:
    """Where a femur lies.

    Attributes:
        femur_from_mesh: (4, 4); rigid, to the frame of this file.
        head_radius_mm: of the sphere that fits the head.
        head_residual_mm: root mean square distance of the head's surface from this sphere.
        anteversion_deg: of the neck against the condyles; None where there are none.
    """

    femur_from_mesh: np.ndarray
    head_radius_mm: float
    head_residual_mm: float
    anteversion_deg: float | None


def find_femur_frame(mesh: Surface, superior: np.ndarray | None = None, seed: int = 0) -> FemurFrame:
    """Finds the frame of a *right* femur (mirror a left one first).

    Args:
        mesh: the whole bone, or its upper part.
        superior: (3,); about upwards. Needed where the mesh shows too little of the shaft; it then stands for
            the axis of the shaft.
        seed: of the search for the head.

    Raises:
        InputError: no head is found, or too little of the shaft to find its axis.
    """
    centre, radius, residual = find_sphere(mesh, _RADII_MM, hollow=False, seed=seed)
    middle = np.average(mesh.vertices, axis=0, weights=mesh.areas)
    if superior is None:
        spread = np.cov((mesh.vertices - middle).T, aweights=mesh.areas)
        axis = np.linalg.eigh(spread)[1][:, -1]
    else:
        axis = np.asarray(superior, dtype=np.float64) / np.linalg.norm(superior)
    axis = axis * np.sign(axis @ (centre - middle))  # the head is at the upper end
    depth = float(((centre - mesh.vertices) @ axis).max())
    if superior is None and depth < _SHAFT[1] * radius:
        raise InputError(
            f"'{mesh.name}' reaches {depth:.0f} mm below the centre of its head; {_SHAFT[1] * radius:.0f} mm "
            "are needed to find the axis of the shaft. Give a longer mesh, or the direction upwards."
        )
    on_shaft = centre - depth * axis
    if depth >= _SHAFT[1] * radius:
        for _ in range(3):
            on_shaft, axis = _shaft_axis(mesh, centre, axis, radius)
    else:
        on_shaft = _section_centre(mesh, centre, axis, depth - 4.0)
    medial = centre - on_shaft - axis * ((centre - on_shaft) @ axis)
    lateral = -medial / np.linalg.norm(medial)
    femur_from_mesh = np.eye(4)
    femur_from_mesh[:3, :3] = np.stack([lateral, np.cross(axis, lateral), axis])
    femur_from_mesh[:3, 3] = -femur_from_mesh[:3, :3] @ centre
    return FemurFrame(femur_from_mesh, radius, residual, _anteversion(mesh.moved(femur_from_mesh), radius))


def find_sphere(
    mesh: Surface, radii_mm: tuple[float, float], hollow: bool, seed: int = 0, draws: int = 4000
) -> tuple[np.ndarray, float, float]:
    """The sphere of which a surface covers most: a femoral head, or the socket of a pelvis.

    Pairs of vertices with their normals propose spheres; the best is fitted to all vertices near it.

    Args:
        mesh: the surface.
        radii_mm: smallest and largest radius.
        hollow: the surface looks to the centre (a socket) and covers less of the sphere.
        seed: of the draws.
        draws: pairs that are tried.

    Returns:
        centre (3,) [mm], radius [mm], root mean square distance of the surface near it [mm].

    Raises:
        InputError: nothing is round enough.
    """
    random = np.random.default_rng(seed)
    normals = -mesh.normals if hollow else mesh.normals
    weights = mesh.areas / mesh.areas.sum()
    first, second = random.choice(len(weights), (2, draws * 4), p=weights)
    apart = np.linalg.norm(mesh.vertices[first] - mesh.vertices[second], axis=1)
    near = (apart > radii_mm[0] / 2) & (apart < 2 * radii_mm[1])
    first, second = first[near][:draws], second[near][:draws]
    # p = c + r n for both: r from the difference
    turn = normals[first] - normals[second]
    along = mesh.vertices[first] - mesh.vertices[second]
    radius = (along * turn).sum(1) / np.maximum((turn**2).sum(1), 1e-9)
    mismatch = np.linalg.norm(along - radius[:, None] * turn, axis=1)
    good = (radius > radii_mm[0]) & (radius < radii_mm[1]) & (mismatch < 3.0)
    radius, first, second = radius[good], first[good], second[good]
    centres = (mesh.vertices[first] + mesh.vertices[second]) / 2
    centres = centres - radius[:, None] * (normals[first] + normals[second]) / 2
    area = [mesh.areas[_on_sphere(mesh, normals, c, r)].sum() for c, r in zip(centres, radius, strict=True)]
    best: tuple[float, np.ndarray, float, float] | None = None
    for index in np.argsort(area)[::-1][:30]:
        centre, size = centres[index], float(radius[index])
        for _ in range(5):
            centre, size = fit_sphere(mesh.vertices[_on_sphere(mesh, normals, centre, size)])
        on = _on_sphere(mesh, normals, centre, size)
        covered = _coverage((mesh.vertices[on] - centre) / size)
        distance = np.linalg.norm(mesh.vertices[on] - centre, axis=1) - size
        if radii_mm[0] < size < radii_mm[1] and (best is None or covered > best[0]):
            best = (covered, centre, size, float(np.sqrt((distance**2).mean())))
    needed = _COVERED / 2 if hollow else _COVERED
    if best is None or best[0] < needed:
        found = f"{100 * best[0]:.0f} %" if best else "nothing"
        what = "socket of a hip" if hollow else "femoral head"
        raise InputError(
            f"No {what} is found in '{mesh.name}': of the best sphere {found} is covered, "
            f"{100 * needed:.0f} % are needed. Give a bone with it, in mm."
        )
    return best[1], best[2], best[3]


def _on_sphere(mesh: Surface, normals: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    """(N,) bool; vertices near the sphere that look away from its centre."""
    offset = mesh.vertices - centre
    distance = np.sqrt((offset**2).sum(1))
    return (np.abs(distance - radius) < 1.5) & ((offset * normals).sum(1) > 0.9 * distance)


def fit_sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Algebraic least squares: |p|^2 = 2 p c + (r^2 - |c|^2)."""
    if len(points) < 10:
        return points.mean(0) if len(points) else np.zeros(3), 0.0
    middle = points.mean(0)
    local = points - middle
    system = np.column_stack([2 * local, np.ones(len(local))])
    solved = np.linalg.lstsq(system, (local**2).sum(1), rcond=None)[0]
    return solved[:3] + middle, float(np.sqrt(max(solved[3] + solved[:3] @ solved[:3], 0.0)))


def _coverage(directions: np.ndarray) -> float:
    """Share of the sphere's directions that have a vertex within 15 degrees."""
    if len(directions) == 0:
        return 0.0
    number = np.arange(_DIRECTIONS) + 0.5
    height, turn = 1 - 2 * number / _DIRECTIONS, np.pi * (1 + 5**0.5) * number
    ring = np.sqrt(1 - height**2)
    grid = np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return float(((grid @ unit.T).max(1) > np.cos(np.radians(15))).mean())


def _shaft_axis(
    mesh: Surface, centre: np.ndarray, axis: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """A point on the axis of the shaft and its direction upwards, from the middles of sections."""
    depths = np.linspace(*(part * radius for part in _SHAFT), _SLICES)
    middles = np.array([_section_centre(mesh, centre, axis, depth) for depth in depths])
    mean = middles.mean(0)
    direction = np.linalg.svd(middles - mean)[2][0]
    return mean, direction * np.sign(direction @ axis)


def _section_centre(mesh: Surface, centre: np.ndarray, axis: np.ndarray, depth: float) -> np.ndarray:
    """(3,); middle of the section at a depth below the head, by the convex hull of a slab of 6 mm."""
    helper = np.eye(3)[np.argmin(np.abs(axis))]
    across = np.cross(axis, helper)
    across /= np.linalg.norm(across)
    plane = np.stack([across, np.cross(axis, across)])
    offset = mesh.vertices - centre
    slab = offset[np.abs(offset @ axis + depth) < 3.0] @ plane.T
    try:
        hull = ConvexHull(slab)
    except (QhullError, ValueError) as err:
        raise InputError(
            f"'{mesh.name}' has no surface {depth:.0f} mm below the centre of its head. "
            "Give a mesh without gaps."
        ) from err
    corners = slab[hull.vertices]
    ahead = np.roll(corners, -1, axis=0)
    cross = corners[:, 0] * ahead[:, 1] - ahead[:, 0] * corners[:, 1]
    middle = ((corners + ahead) * cross[:, None]).sum(0) / (3 * cross.sum())
    return centre - depth * axis + middle @ plane


def _anteversion(femur: Surface, radius: float) -> float | None:
    """Angle of the neck (the x axis) against the backs of the condyles, seen along the shaft [degrees]."""
    length = -float(femur.vertices[:, 2].min())
    if length < 11 * radius:  # the whole bone is about 17 radii long
        return None
    low = femur.vertices[femur.vertices[:, 2] < -length + 2.5 * radius]
    middle = np.median(low[:, :2], axis=0)
    # backs of both condyles: lowest points of the hull against the side that looks backwards
    left, right = (low[sign * (low[:, 0] - middle[0]) > 0.3 * radius] for sign in (-1, 1))
    if min(len(left), len(right)) < 10:
        return None
    angle = 0.0
    for _ in range(10):  # which points are the most posterior depends on the angle
        back = np.array([np.sin(angle), -np.cos(angle)])
        ends = [side[np.argmax(side[:, :2] @ back), :2] for side in (left, right)]
        line = ends[1] - ends[0]
        angle = float(np.arctan2(line[1], line[0]))
    # the neck points to -x, in front of the line of the condyles when this line turns towards +y laterally
    return float(np.degrees(angle))
