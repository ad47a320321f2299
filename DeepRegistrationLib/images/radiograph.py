"""A radiograph: attenuation along the rays of a camera, and which of its pixels may be used."""

from dataclasses import dataclass, replace

import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.geometry_file import check_size, size_in_words


@dataclass(frozen=True, eq=False)
class Radiograph:
    """An X-ray image that grows with what the rays have passed: bone is bright, air is 0.

    Attributes:
        values: (rows, columns) floating; line integrals of the attenuation, or proportional to them.
        camera: source and detector of exactly these pixels.
        mask: (rows, columns) bool; True where the pixel may be used; None where all may be.
        name: for messages; never a patient's name.

    Raises:
        InputError: another size than the camera's, NaN or infinity, or no pixel that may be used.
        ValueError: shapes or types that do not fit.
    """

    values: torch.Tensor
    camera: Camera
    mask: torch.Tensor | None = None
    name: str = "radiograph"

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or not self.values.is_floating_point():
            raise ValueError(
                f"values must be (rows, columns) floating, got {tuple(self.values.shape)} {self.values.dtype}"
            )
        check_size(tuple(self.values.shape), self.camera, self.name)
        wrong = self.values.numel() - int(torch.isfinite(self.values).sum())
        if wrong:
            raise InputError(
                f"The radiograph '{self.name}' has {wrong} pixels that are not numbers (NaN or infinite). "
                "Replace them, for instance by 0, and leave them out with a mask."
            )
        if self.mask is None:
            return
        if self.mask.shape != self.values.shape or self.mask.dtype != torch.bool:
            raise ValueError(
                f"mask must be {tuple(self.values.shape)} bool, "
                f"got {tuple(self.mask.shape)} {self.mask.dtype}"
            )
        if not bool(self.mask.any()):
            raise InputError(
                f"No pixel of the radiograph '{self.name}' may be used: its mask is empty. "
                "Choose another mask, or leave it out."
            )

    def used(self) -> torch.Tensor:
        """(rows, columns) bool; True where the pixel may be used."""
        return torch.ones_like(self.values, dtype=torch.bool) if self.mask is None else self.mask

    def to(self, device: torch.device) -> "Radiograph":
        """The same radiograph with its values on a device."""
        mask = None if self.mask is None else self.mask.to(device)
        return replace(self, values=self.values.to(device), mask=mask)

    def cropped(self, first_px: tuple[int, int], size_px: tuple[int, int]) -> "Radiograph":
        """A part of the radiograph, with the camera of its pixels.

        Args:
            first_px: column and row of its first pixel.
            size_px: columns and rows; the part lies within the radiograph.

        Raises:
            InputError: no pixel of the part may be used.
            ValueError: it does not lie within the radiograph.
        """
        (left, top), (columns, rows) = first_px, size_px
        height, width = self.values.shape
        if not (0 <= left < left + columns <= width and 0 <= top < top + rows <= height):
            raise ValueError(f"the part {first_px} {size_px} does not lie within {width} x {height} pixels")
        part = slice(top, top + rows), slice(left, left + columns)
        mask = None if self.mask is None else self.mask[part].contiguous()
        return Radiograph(
            self.values[part].contiguous(), self.camera.cropped(first_px, size_px), mask, self.name
        )

    def reduced(self, factor: int) -> "Radiograph":
        """The same radiograph with blocks of pixels averaged; columns and rows left over at the end are cut.

        Args:
            factor: edge of a block in pixels.

        Returns:
            Radiograph with the camera of the larger pixels; a block is used where all of its pixels are.

        Raises:
            InputError: a block is larger than the image, or no block is used as a whole.
            ValueError: factor below 1.
        """
        if factor < 1:
            raise ValueError(f"factor must be at least 1, got {factor}")
        if factor == 1:
            return self
        columns, rows = (n // factor for n in self.camera.image_size_px)
        if not columns or not rows:
            raise InputError(
                f"The radiograph '{self.name}' of {size_in_words(self.camera.image_size_px)} pixels cannot "
                f"be reduced by a factor of {factor}. Choose a smaller factor."
            )
        camera = self.camera.cropped((0, 0), (columns * factor, rows * factor)).resized((columns, rows))
        values = _blocks(self.values, rows, columns, factor).mean(dim=(1, 3))
        mask = self.mask
        if mask is not None:
            mask = _blocks(mask, rows, columns, factor).all(dim=3).all(dim=1)
        return Radiograph(values, camera, mask, self.name)


def _blocks(image: torch.Tensor, rows: int, columns: int, factor: int) -> torch.Tensor:
    """(rows, factor, columns, factor); what is left over at the end of each axis is dropped."""
    return image[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
