"""Mistakes with a slice of a fetal brain."""

from pathlib import Path

import torch

from DeepRegistrationLib.data.phantom import write_phantom_atlas
from DeepRegistrationLib.images.write import write_nifti
from Testing.Lib.bad_input import spoiled_images as images
from Testing.Lib.bad_input.command_case import BadInput, CommandCase, given, replaced
from Testing.Lib.workflows.phantom_slices import slices_of_head


def good(folder: Path) -> CommandCase:
    image, mask, _ = slices_of_head(seed=3, count=4)
    write_nifti(image, folder / "slice.nii.gz")
    write_nifti(mask.with_values(mask.values.to(torch.uint8)), folder / "mask.nii.gz")
    write_phantom_atlas(folder / "atlas", (28,), spacing_mm=3.0)
    options = {
        "slice": (folder / "slice.nii.gz",),
        "mask": (folder / "mask.nii.gz",),
        "as-stack": ("single",),
        "atlas-dir": (folder / "atlas",),
        "gestational-age": (28,),
        "method": ("bank",),
        "output": (folder / "result",),
    }
    return CommandCase(folder, options)


BAD = [
    BadInput("a file that is not there", replaced("slice", images.missing), "does not exist"),
    BadInput("half a file", replaced("slice", images.truncated), "damaged or incomplete"),
    BadInput("a file of another program", replaced("slice", images.of_another_program), "not an image"),
    BadInput("a pixel that is no number", replaced("slice", images.with_nan), "not (a )?numbers?"),
    BadInput("a constant image", replaced("slice", images.constant), "is constant"),
    BadInput("a series of stacks", replaced("slice", images.a_series), "4 dimensions"),
    BadInput("a colour picture", replaced("slice", images.a_vector_field), "3 values per|colour"),
    BadInput("sheared axes", replaced("slice", images.sheared), "sheared"),
    BadInput("an empty mask", replaced("mask", images.nothing_marked), "empty"),
    BadInput("a mask of one voxel", replaced("mask", images.one_voxel_marked), "mm\\^2 of brain"),
    BadInput("a mask of another size", replaced("mask", images.of_another_size), "lies on another grid"),
    BadInput("a slice that there is not", given("slice-index", 9), "9"),
    BadInput("a slice without thickness", given("slice-thickness", 0), "thickness"),
    BadInput("an atlas folder that is not there", given("atlas-dir", "/no/where"), "does not exist"),
    BadInput("an age that is no number", given("gestational-age", "nan"), "gestational-age.*50"),
    BadInput("a half space that there is not", given("half-space", "left"), "left"),
]
