"""New patients from few real femora: shape, size, density, neighbours and pose are drawn by seed."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from DeepRegistrationLib.data.biplanar_split import BiplanarSplit
from DeepRegistrationLib.data.femur_ct import BoneDensity, femur_ct, femur_field
from DeepRegistrationLib.data.femur_regions import FemurRegions, find_regions, smooth_step
from DeepRegistrationLib.data.femur_shape_model import FemurShapes
from DeepRegistrationLib.data.femur_surroundings import (
    Neighbour,
    SoftTissue,
    points_box,
    surroundings_hu,
)
from DeepRegistrationLib.data.smooth_fields import random_field
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.grid import sample
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.crop import cropped_geometry
from DeepRegistrationLib.images.volume import Volume

ABOVE_MM = 10.0
"""From the top of the head to the upper edge of the grid, before pose and shift are drawn."""


_CARTILAGE_MM = 2.0


@dataclass(frozen=True)
class PopulationSettings:
    """How patients differ.

    Attributes:
        shape_kji: voxels of the CTs.
        spacing_mm: of the CTs, along i, j, k [mm].
        modes: standard deviation of the coefficients of the shape modes around the training mean.
        modes_around_subject: the same around a real subject of the other splits.
        size: standard deviation of the logarithm of the size.
        bend_mm: standard deviation of a smooth displacement with structures of `bend_length_mm` [mm].
        bend_length_mm: distance of its control points [mm].
        detail_mm: standard deviation of a finer displacement [mm].
        detail_length_mm: distance of its control points [mm].
        turn_deg: largest flexion, abduction and rotation of the femur, either way [degrees].
        shift_mm: largest shift along each axis [mm].
        hip_deg: largest turn of the pelvis about each axis, either way [degrees].
        noise_hu: largest standard deviation of the scanner's noise [HU].
    """

    shape_kji: tuple[int, int, int] = (192, 128, 192)
    spacing_mm: tuple[float, float, float] = (0.664, 0.664, 1.0)
    modes: float = 1.0
    modes_around_subject: float = 0.4
    size: float = 0.05
    bend_mm: float = 3.0
    bend_length_mm: float = 60.0
    detail_mm: float = 0.6
    detail_length_mm: float = 25.0
    turn_deg: float = 10.0
    shift_mm: float = 3.0
    hip_deg: float = 12.0
    noise_hu: float = 20.0

    def geometry(self) -> VolumeGeometry:
        """The grid of the CTs, its middle at the origin of RAS."""
        ras_from_ijk = np.diag([*self.spacing_mm, 1.0])
        ras_from_ijk[:3, 3] = -ras_from_ijk[:3, :3] @ ((np.array(self.shape_kji[::-1]) - 1) / 2)
        return VolumeGeometry(self.shape_kji, ras_from_ijk)


@dataclass(frozen=True, eq=False)
class SyntheticFemur:
    """A patient.

    Attributes:
        ct: [HU].
        labels: `FemurLabel`, uint8.
        landmarks: name -> (3,) [mm, RAS].
        drawn: what was drawn, for the table.
    """

    ct: Volume
    labels: Volume
    landmarks: dict[str, np.ndarray]
    drawn: dict[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class FemurPopulation:
    """Everything that patients of one split are made from.

    Attributes:
        shapes: real femora with correspondence, and the shape model of the training ones.
        split: whose patients are made.
        neighbours: bones of this split's subjects.
        settings: how patients differ.
    """

    shapes: FemurShapes
    split: BiplanarSplit
    neighbours: tuple[Neighbour, ...]
    settings: PopulationSettings = field(default_factory=PopulationSettings)

    def __post_init__(self) -> None:
        if not self.shapes.of_split(self.split):
            raise InputError(
                f"No femur belongs to the split '{self.split}'. Add meshes of other subjects, or say with "
                "--assign which subjects belong to it."
            )

    @cached_property
    def _regions(self) -> FemurRegions:
        femora = self.shapes.femora
        template = next(f for f in femora if f.mesh.triangles is self.shapes.template.triangles)
        return find_regions(self.shapes.template, template.frame.head_radius_mm)

    def draw(self, index: int, seed: int) -> SyntheticFemur:
        """One patient.

        Args:
            index: number of the patient.
            seed: of the population; equal seeds and numbers give equal patients.
        """
        splits = list(BiplanarSplit)
        random = np.random.default_rng([seed, splits.index(self.split), index])
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        vertices, drawn = self._shape(random, generator)
        pose, turned = self._pose(random)
        density, quality = _density(random)
        noise_hu = self.settings.noise_hu * random.uniform(0.2, 1.0)
        drawn |= turned | quality | {"noise_hu": noise_hu}
        neighbours = self._placed_neighbours(vertices, random)
        patient = self._patient(
            vertices, pose, density, _soft_tissue(random), neighbours, noise_hu, generator
        )
        return SyntheticFemur(patient.ct, patient.labels, patient.landmarks, drawn)

    def atlas(self) -> SyntheticFemur:
        """The mean training femur, average density, in the middle of the grid, without noise."""
        mean = self.shapes.model.mean
        still = np.random.default_rng(0)
        neighbours = self._placed_neighbours(mean, still)[:1]
        generator = torch.Generator().manual_seed(0)
        return self._patient(mean, np.eye(4), BoneDensity(), SoftTissue(), neighbours, 0.0, generator)

    def _shape(
        self, random: np.random.Generator, generator: torch.Generator
    ) -> tuple[np.ndarray, dict[str, str | float]]:
        settings, model = self.settings, self.shapes.model
        coefficients = np.clip(random.standard_normal(len(model.modes)), -2.5, 2.5)
        if self.split is BiplanarSplit.TRAIN:
            coefficients *= settings.modes
            vertices, source = model.shape(coefficients), "shape model"
        else:
            chosen = int(random.choice(self.shapes.of_split(self.split)))
            coefficients *= settings.modes_around_subject
            vertices = self.shapes.vertices[chosen] + model.shape(coefficients) - model.mean
            source = self.shapes.femora[chosen].name
        size = float(np.exp(settings.size * np.clip(random.standard_normal(), -2.5, 2.5)))
        vertices = vertices * size
        bent = vertices
        for deviation, length in (
            (settings.bend_mm, settings.bend_length_mm),
            (settings.detail_mm, settings.detail_length_mm),
        ):
            bent = bent + deviation * _smooth_displacement(vertices, length, generator)
        vertices = _with_round_head(vertices, bent, self._regions)
        modes = {f"mode_{number + 1}": float(value) for number, value in enumerate(coefficients)}
        return vertices, {"source": source, "size": size, **modes}

    def _pose(self, random: np.random.Generator) -> tuple[np.ndarray, dict[str, float]]:
        """Turn about the middle of the grid and shift (4, 4)."""
        turn = random.uniform(-1, 1, 3) * self.settings.turn_deg
        shift = random.uniform(-1, 1, 3) * self.settings.shift_mm
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
        pose[:3, 3] = shift
        names = ("flexion_deg", "abduction_deg", "rotation_deg", "shift_x_mm", "shift_y_mm", "shift_z_mm")
        return pose, dict(zip(names, [*turn.tolist(), *shift.tolist()], strict=True))

    def _placed_neighbours(
        self, vertices: np.ndarray, random: np.random.Generator
    ) -> tuple[tuple[Neighbour, np.ndarray], ...]:
        """One hip and one knee where there are some, each with its map to the femur's frame."""
        regions = self._regions
        scale_of_template = np.ptp(vertices[regions.head, 2]) / np.ptp(
            regions.template.vertices[regions.head, 2]
        )
        radius = scale_of_template * regions.radius_mm
        lowest = vertices[np.argmin(vertices[:, 2])]
        placed = []
        for at_hip, anchor in ((True, regions.points(vertices)["head_centre"]), (False, lowest)):
            choices = [neighbour for neighbour in self.neighbours if neighbour.at_hip is at_hip]
            turn = Rotation.from_euler("xyz", random.uniform(-1, 1, 3) * self.settings.hip_deg, degrees=True)
            pick = random.random()
            if choices:
                neighbour = choices[int(pick * len(choices))]
                matrix = np.eye(4)
                matrix[:3, :3] = turn.as_matrix() * (radius / neighbour.head_radius_mm)
                matrix[:3, 3] = anchor
                placed.append((neighbour, matrix))
        return tuple(placed)

    def _patient(
        self,
        vertices: np.ndarray,
        pose: np.ndarray,
        density: BoneDensity,
        tissue: SoftTissue,
        neighbours: tuple[tuple[Neighbour, np.ndarray], ...],
        noise_hu: float,
        generator: torch.Generator,
    ) -> SyntheticFemur:
        geometry, regions = self.settings.geometry(), self._regions
        centred = np.eye(4)
        centred[:3, 3] = -_middle_of_crop(vertices, geometry)
        ras_from_femur = pose @ centred
        femur_from_ras = np.linalg.inv(ras_from_femur)
        lateral_mm = float(vertices[vertices[:, 2] > -3 * regions.radius_mm, 0].max())
        outside = surroundings_hu(geometry, femur_from_ras, neighbours, tissue, lateral_mm, generator)
        values, labels = outside, torch.zeros(geometry.shape_kji, dtype=torch.uint8)
        on_grid = vertices @ ras_from_femur[:3, :3].T + ras_from_femur[:3, 3]
        box = points_box(on_grid, geometry, 2 * _CARTILAGE_MM)  # never None: the crop is placed on the femur
        femur = femur_field(regions, vertices, cropped_geometry(geometry, box), femur_from_ras)
        # the joint's cartilage keeps other bones away
        cartilage = (femur.distance < _CARTILAGE_MM) & (outside[box] > tissue.muscle_hu)
        around = torch.where(cartilage, torch.full_like(outside[box], tissue.muscle_hu + 25), outside[box])
        voxel_mm = float(np.cbrt(geometry.voxel_volume_mm3))
        values[box], labels[box] = femur_ct(femur, density, around, voxel_mm, generator)
        values = values + noise_hu * torch.randn(values.shape, generator=generator)
        points = {
            name: ras_from_femur[:3, :3] @ point + ras_from_femur[:3, 3]
            for name, point in regions.points(vertices).items()
        }
        ct = Volume(values.clamp(-1024, 3071).round(), geometry, "synthetic femur")
        return SyntheticFemur(ct, ct.with_values(labels, "femur labels"), points)


def _with_round_head(before: np.ndarray, bent: np.ndarray, regions: FemurRegions) -> np.ndarray:
    """(N, 3); bent vertices, but the head moves and grows only: heads are round in everyone."""
    source, target = before[regions.head], bent[regions.head]
    source_middle, target_middle = source.mean(0), target.mean(0)
    turn, _ = Rotation.align_vectors(target - target_middle, source - source_middle)
    scale = np.linalg.norm(target - target_middle) / np.linalg.norm(source - source_middle)
    moved = scale * turn.apply(before - source_middle) + target_middle
    distance = np.linalg.norm(regions.template.vertices, axis=1) / regions.radius_mm
    share = smooth_step(1.6, 1.05, distance)[:, None]
    return share * moved + (1 - share) * bent


def _middle_of_crop(vertices: np.ndarray, geometry: VolumeGeometry) -> np.ndarray:
    """(3,); the point of the femur that lies in the middle of the grid: its upper end fits in."""
    top = vertices[:, 2].max() + ABOVE_MM
    inside = vertices[vertices[:, 2] > top - geometry.extent_mm[2]]
    middle = (inside.min(0) + inside.max(0)) / 2
    return np.array([middle[0], middle[1], top - geometry.extent_mm[2] / 2])


def _smooth_displacement(vertices: np.ndarray, length_mm: float, generator: torch.Generator) -> np.ndarray:
    """(N, 3); smooth noise at places, standard deviation 1 along each axis."""
    low, edge = vertices.min(0), float(np.ptp(vertices, axis=0).max())
    control_points = int(np.ceil(edge / length_mm)) + 3
    size = 2 * control_points
    noise = random_field(1, 3, size, control_points, 3, generator)
    index = torch.from_numpy((vertices - low) / edge * (size - 1)).float()
    return sample(noise, index[None], padding="border")[0].T.numpy().astype(np.float64)


def _density(random: np.random.Generator) -> tuple[BoneDensity, dict[str, float]]:
    """Bone of one patient; `quality` (strong or osteoporotic) moves all numbers together."""
    usual = BoneDensity()
    quality = float(np.clip(random.standard_normal(), -2.2, 2.2))
    own = np.clip(random.standard_normal(7), -2, 2)
    density = BoneDensity(
        cortical_hu=usual.cortical_hu + 90 * quality + 60 * own[0],
        thickness=float(np.exp(0.14 * quality + 0.08 * own[1])),
        head_hu=usual.head_hu + 60 * quality + 25 * own[2],
        metaphysis_hu=usual.metaphysis_hu + 40 * quality + 20 * own[3],
        marrow_hu=usual.marrow_hu + 15 * own[4],
        band_hu=usual.band_hu + 30 * quality + 20 * own[5],
        triangle_hu=usual.triangle_hu + 25 * own[6],
    )
    table = {
        "bone_quality": quality,
        "cortical_hu": density.cortical_hu,
        "cortical_thickness": density.thickness,
        "head_hu": density.head_hu,
    }
    return density, {name: float(value) for name, value in table.items()}


def _soft_tissue(random: np.random.Generator) -> SoftTissue:
    return SoftTissue(
        muscle_hu=random.uniform(40, 70),
        fat_hu=random.uniform(-115, -85),
        fat_mm=random.uniform(5, 40),
        half_width_mm=random.uniform(75, 120),
        half_depth_mm=random.uniform(70, 105),
        marbling=random.uniform(0.03, 0.3),
        bone_hu=random.uniform(120, 320),
        shell_hu=random.uniform(600, 1000),
    )
