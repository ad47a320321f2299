"""How femora differ in shape: mean and principal modes of the training subjects' surfaces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from DeepRegistrationLib.data.biplanar_split import BiplanarSplit
from DeepRegistrationLib.data.bone_mesh import BoneMesh
from DeepRegistrationLib.data.femur_correspondence import bend_template
from DeepRegistrationLib.data.femur_meshes import RealFemur
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.progress import Progress, Report, keep_going

_WHOLE_MM = 300.0


@dataclass(frozen=True, eq=False)
class FemurShapeModel:
    """Point distribution model.

    Attributes:
        mean: (N, 3) [mm]; in the frame of `femur_frame.py`.
        modes: (M, N, 3); displacement at one standard deviation of each mode [mm].
    """

    mean: np.ndarray
    modes: np.ndarray

    def shape(self, coefficients: np.ndarray) -> np.ndarray:
        """(N, 3); vertices for coefficients (M,) in standard deviations."""
        return self.mean + np.tensordot(coefficients, self.modes, axes=1)

    def coefficients(self, vertices: np.ndarray) -> np.ndarray:
        """(M,); standard deviations of each mode that come nearest to vertices (N, 3)."""
        flat = self.modes.reshape(len(self.modes), -1)
        return flat @ (vertices - self.mean).ravel() / (flat**2).sum(1)


@dataclass(frozen=True, eq=False)
class FemurShapes:
    """Real femora with corresponding vertices, and the model of the training subjects.

    Attributes:
        template: whose triangles all have.
        femora: the real ones, in the order of `vertices`.
        vertices: (S, N, 3) [mm]; each femur by the template's vertices.
        model: of the training subjects.
    """

    template: BoneMesh
    femora: tuple[RealFemur, ...]
    vertices: np.ndarray
    model: FemurShapeModel

    def of_split(self, split: BiplanarSplit) -> tuple[int, ...]:
        """Indices of the femora of a split."""
        return tuple(index for index, femur in enumerate(self.femora) if femur.split is split)


def fit_shape_model(shapes: np.ndarray) -> FemurShapeModel:
    """Principal modes of shapes.

    Args:
        shapes: (S, N, 3) [mm]; S of at least 2. Two femora of one person count as two.

    Returns:
        Model with S - 1 modes at most; modes below 0.01 mm are left out.

    Source: Cootes et al., "Active shape models", CVIU 1995, section 3.
    """
    mean = shapes.mean(0)
    _, sizes, rows = np.linalg.svd((shapes - mean).reshape(len(shapes), -1), full_matrices=False)
    deviations = sizes / np.sqrt(len(shapes) - 1)  # along each row, over all vertices together
    kept = deviations / np.sqrt(shapes.shape[1]) > 0.01
    # the sign of a mode is arbitrary: fixed by its largest component, so that all machines agree
    signs = np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(1)])
    modes = (signs * deviations)[:, None] * rows
    return FemurShapeModel(mean, modes[kept].reshape(-1, *mean.shape))


def build_femur_shapes(femora: Sequence[RealFemur], report: Report = keep_going) -> FemurShapes:
    """Bends one template onto all femora and fits the model to the training ones.

    Args:
        femora: of all splits that are wanted, and at least two of the training split.
        report: receiver of the progress.

    Raises:
        InputError: too few whole femora to train on.
        Cancelled: the receiver wants to stop.
    """
    train = [femur for femur in femora if femur.split is BiplanarSplit.TRAIN]
    whole = [femur for femur in train if np.ptp(femur.mesh.vertices[:, 2]) > _WHOLE_MM]
    if len(train) < 2 or not whole:
        raise InputError(
            f"The shape model needs at least 2 training femora, one of them whole; found {len(train)}, "
            f"{len(whole)} of them whole. Add femora, or say with --assign which subjects are for training."
        )
    # the head that is roundest comes from the sharpest surface
    template = min(whole, key=lambda femur: femur.frame.head_residual_mm)
    bent = []
    for number, femur in enumerate(femora):
        if not report(Progress(number / len(femora), f"bending the template onto {femur.name}")):
            raise Cancelled("shape model")
        scale = femur.frame.head_radius_mm / template.frame.head_radius_mm
        bent.append(bend_template(template.mesh, femur.mesh, scale).vertices)
    vertices = np.stack(bent)
    is_train = np.array([femur.split is BiplanarSplit.TRAIN for femur in femora])
    return FemurShapes(template.mesh, tuple(femora), vertices, fit_shape_model(vertices[is_train]))
