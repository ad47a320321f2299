"""Mistakes with a reconstructed fetal brain."""

from pathlib import Path

import torch

from DeepRegistrationLib.data.phantom import write_phantom_atlas
from DeepRegistrationLib.images.write import write_nifti
from DeepRegistrationLib.jobs.job import ExitCode
from Testing.Lib.bad_input import spoiled_images as images
from Testing.Lib.bad_input.command_case import BadInput, CommandCase, given, replaced
from Testing.Lib.workflows.conftest import head_turned_by


def good(folder: Path) -> CommandCase:
    image, mask, _, _ = head_turned_by(40)
    write_nifti(image, folder / "brain.nii.gz")
    write_nifti(mask.with_values(mask.values.byte()), folder / "mask.nii.gz")
    write_phantom_atlas(folder / "atlas", (28,), spacing_mm=3.0)
    options = {
        "moving": (folder / "brain.nii.gz",),
        "mask": (folder / "mask.nii.gz",),
        "atlas-dir": (folder / "atlas",),
        "gestational-age": (28,),
        "method": ("bank",),
        "output": (folder / "result",),
    }
    return CommandCase(folder, options)


def one_atlas(case: CommandCase) -> CommandCase:
    """One image instead of a folder."""
    return case.lacking("atlas-dir").having("atlas", case.folder / "atlas" / "PHA28.nii.gz")


def labels_without_atlas(case):
    labels = case.folder / "atlas" / "PHA28_parc.nii.gz"
    return case.lacking("atlas-dir").having("atlas-labels", labels)


def two_atlases(case):
    return one_atlas(case).having("atlas-dir", case.folder / "atlas")


def atlas_labels_of_another_size(case):
    labels = images.of_another_size(case.folder / "atlas" / "PHA28_parc.nii.gz")
    return one_atlas(case).having("atlas-labels", labels)


def damaged_atlas(case):
    path = case.folder / "atlas" / "PHA28.nii.gz"
    path.write_bytes(path.read_bytes()[:1000])
    return case


def damaged_atlas_labels(case):
    path = case.folder / "atlas" / "PHA28_parc.nii.gz"
    path.write_bytes(path.read_bytes()[:1000])
    return case


def atlas_of_brains_without_weeks(case):
    path = case.folder / "atlas" / "PHA28.nii.gz"
    path.rename(path.with_name("brain.nii.gz"))
    return case


BAD = [
    BadInput("a file that is not there", replaced("moving", images.missing), "does not exist"),
    BadInput("an empty file", replaced("moving", images.empty_file), r"is empty \(0 bytes\)"),
    BadInput("half a file", replaced("moving", images.truncated), "damaged or incomplete"),
    BadInput("a text named as an image", replaced("moving", images.a_text), "not an image|damaged"),
    BadInput("a file of another program", replaced("moving", images.of_another_program), "not an image"),
    BadInput("a folder without DICOM", replaced("moving", images.empty_folder), "no DICOM series"),
    BadInput("a voxel that is no number", replaced("moving", images.with_nan), "1 voxels? that (are|is) not"),
    BadInput("infinite voxels", replaced("moving", images.with_infinity), "3 voxels that are not numbers"),
    BadInput("a constant image", replaced("moving", images.constant), "is constant"),
    BadInput("one slice", replaced("moving", images.one_slice), "has one slice"),
    BadInput("a series of volumes", replaced("moving", images.a_series), "4 dimensions"),
    BadInput("vectors", replaced("moving", images.a_vector_field), "3 values per voxel"),
    BadInput("sheared axes", replaced("moving", images.sheared), "sheared"),
    BadInput("parallel axes", replaced("moving", images.with_parallel_axes), "parallel|sheared"),
    BadInput("voxels of no size", replaced("moving", images.with_voxels_of_no_size), "voxel size|length"),
    BadInput(
        "an origin that is no number", replaced("moving", images.lying_nowhere), "place of .* not known"
    ),
    BadInput("a mask that is not there", replaced("mask", images.missing), "does not exist"),
    BadInput("an empty mask", replaced("mask", images.nothing_marked), "is empty: all"),
    BadInput("a mask of one voxel", replaced("mask", images.one_voxel_marked), "marks 0.0067 mL; fetal"),
    BadInput("a mask of another size", replaced("mask", images.of_another_size), "lies on another grid"),
    BadInput("a mask of fractions", replaced("mask", images.with_fractions), "not whole numbers"),
    BadInput("an atlas folder that is not there", given("atlas-dir", "/no/where"), "does not exist"),
    BadInput("an atlas folder without images", replaced("atlas-dir", images.empty_folder), "no atlas image"),
    BadInput("atlas images without weeks", atlas_of_brains_without_weeks, "no atlas image"),
    BadInput("a damaged atlas", damaged_atlas, "'PHA28.nii.gz' is damaged or incomplete"),
    BadInput("damaged atlas labels", damaged_atlas_labels, "'PHA28_parc.nii.gz' is damaged or incomplete"),
    BadInput("labels without their atlas", labels_without_atlas, "without their atlas image"),
    BadInput("an atlas image and an atlas folder", two_atlases, "Two atlases were given"),
    BadInput("atlas labels of another size", atlas_labels_of_another_size, "lies on another grid"),
    BadInput("an age before birth of any atlas", given("gestational-age", 5), "gestational-age.*15"),
    BadInput("an age that is no number", given("gestational-age", "nan"), "gestational-age.*50"),
    BadInput("a method that there is not", given("method", "magic"), "magic"),
    BadInput("no candidates", given("candidates", 0), "candidates"),
    BadInput(
        "a graphics card that there is not",
        given("device", "cuda" if not torch.cuda.is_available() else "mps"),
        "this machine offers only",
        ExitCode.FAILED,
    ),
]
