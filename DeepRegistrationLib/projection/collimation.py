"""Which part of the detector X-rays reach: blades before the tube, and the round field of an intensifier."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Collimation:
    """Blades and round field; lengths in halves of the image's shorter side, so 1 reaches its border.

    Attributes:
        blades: distance of the left, right, upper and lower blade from the centre; None where there are none.
        angle_deg: by which the four blades are turned, from columns towards rows.
        circle_radius: of the round field; None for a flat detector.
        centre: of blades and circle, from the middle of the image along columns and rows.
        penumbra_mm: width of the blurred edge of a blade on the detector.
        leak: part of the X-rays that a blade lets pass.

    Raises:
        ValueError: a field without area.
    """

    blades: tuple[float, float, float, float] | None = None
    angle_deg: float = 0.0
    circle_radius: float | None = None
    centre: tuple[float, float] = (0.0, 0.0)
    penumbra_mm: float = 1.0
    leak: float = 0.005

    def __post_init__(self) -> None:
        if self.blades is not None and (
            self.blades[0] + self.blades[1] <= 0 or self.blades[2] + self.blades[3] <= 0
        ):
            raise ValueError(f"the blades leave no field: {self.blades}")
        if self.circle_radius is not None and self.circle_radius <= 0:
            raise ValueError(f"the radius must be positive, got {self.circle_radius}")


@dataclass(frozen=True, eq=False)
class Field:
    """What collimation does to an image.

    Attributes:
        passed: (rows, columns) floating; part of the X-rays that pass the blades.
        detector: (rows, columns) bool; True where there is a detector: inside of the circle.
        used: (rows, columns) bool; True where the X-rays arrive undiminished.
    """

    passed: torch.Tensor
    detector: torch.Tensor
    used: torch.Tensor


def collimated_field(
    collimation: Collimation,
    shape_px: tuple[int, int],
    pixel_spacing_mm: tuple[float, float],
    device: torch.device | None = None,
) -> Field:
    """The field of an image.

    Args:
        collimation: blades and circle.
        shape_px: rows, columns.
        pixel_spacing_mm: between columns, between rows, on the detector.
        device: of the result; None is the CPU.
    """
    rows, columns = shape_px
    column_mm, row_mm = pixel_spacing_mm
    half_mm = min(rows * row_mm, columns * column_mm) / 2
    # from the centre of the field, along columns and rows [mm]
    x = (torch.arange(columns, device=device) - (columns - 1) / 2) * column_mm
    y = (torch.arange(rows, device=device) - (rows - 1) / 2) * row_mm
    x, y = x - collimation.centre[0] * half_mm, y[:, None] - collimation.centre[1] * half_mm
    passed = torch.ones(shape_px, device=device)
    used = torch.ones(shape_px, dtype=torch.bool, device=device)
    if collimation.blades is not None:
        angle = torch.deg2rad(torch.tensor(collimation.angle_deg))
        along = x * torch.cos(angle) + y * torch.sin(angle)
        across = y * torch.cos(angle) - x * torch.sin(angle)
        left, right, top, bottom = (blade * half_mm for blade in collimation.blades)
        inside = torch.stack([along + left, right - along, across + top, bottom - across]).amin(0)  # [mm]
        width = max(collimation.penumbra_mm, 1e-3)
        passed = collimation.leak + (1 - collimation.leak) * ((inside / width + 0.5).clamp(0, 1))
        used = inside >= width / 2
    detector = torch.ones_like(used)
    if collimation.circle_radius is not None:
        detector = (x.square() + y.square()).sqrt() <= collimation.circle_radius * half_mm
    return Field(passed, detector, used & detector)
