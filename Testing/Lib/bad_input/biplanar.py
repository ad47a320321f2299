"""Mistakes with an atlas and two radiographs."""

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from DeepRegistrationLib.data.phantom_cases import write_phantom_case
from DeepRegistrationLib.jobs.job import JobKind
from Testing.Lib.bad_input.command_case import BadInput, CommandCase, given


def good(folder: Path) -> CommandCase:
    write_phantom_case(JobKind.BIPLANAR, folder)
    options = {
        "ap": (folder / "xray1.nrrd",),
        "lateral": (folder / "xray2.nrrd",),
        "geometry": (folder / "camera1.json", folder / "camera2.json"),
        "mask": (folder / "mask1.nrrd", folder / "mask2.nrrd"),
        "atlas-dir": (folder / "atlas",),
        "method": ("sdm",),
        "output": (folder / "result",),
    }
    return CommandCase(folder, options)


def with_pixels(option, change):
    """The first image of an option with other pixels (rows, columns)."""

    def spoil(case):
        values = sitk.GetArrayFromImage(sitk.ReadImage(str(case.path(option))))[0]
        path = case.folder / "changed.nrrd"
        sitk.WriteImage(sitk.GetImageFromArray(np.ascontiguousarray(change(values))), str(path))
        return case.having(option, path, *case.options[option][1:])

    return spoil


def one_pixel_nan(values):
    values[2, 3] = np.nan
    return values


def with_atlas(name, change):
    """An image of the atlas with other voxels."""

    def spoil(case):
        path = case.folder / "atlas" / name
        image = sitk.ReadImage(str(path))
        other = sitk.GetImageFromArray(change(sitk.GetArrayFromImage(image)))
        other.CopyInformation(image)
        sitk.WriteImage(other, str(path))
        return case

    return spoil


def without_atlas_labels(case):
    (case.folder / "atlas" / "atlas_labels.nrrd").unlink()
    return case


def labels_on_another_grid(case):
    path = case.folder / "atlas" / "atlas_labels.nrrd"
    image = sitk.ReadImage(str(path))
    sitk.WriteImage(image[:-1], str(path))
    return case


def an_atlas_alone(case):
    return case.lacking("atlas-dir").having("atlas", case.folder / "atlas" / "atlas_ct.nrrd")


def far_away(case):
    path = case.folder / "away.tfm"
    sitk.WriteTransform(sitk.TranslationTransform(3, (2000.0, 0.0, 0.0)), str(path))
    return case.having("initial-pose", path)


def one_camera(case):
    return case.having("geometry", case.path("geometry"))


def one_mask(case):
    return case.having("mask", case.path("mask"))


def a_camera_without_spacing(case):
    content = json.loads(case.path("geometry").read_text())
    del content["pixel_spacing_mm"]
    case.path("geometry").write_text(json.dumps(content))
    return case


BAD = [
    BadInput("no second radiograph", lambda case: case.lacking("lateral"), "Missing option '--lateral'"),
    BadInput("a radiograph that is not there", given("ap", "/no/where.nrrd"), "where.nrrd'"),
    BadInput("a black radiograph", with_pixels("ap", lambda p: p * 0), "constant"),
    BadInput("a pixel that is no number", with_pixels("lateral", one_pixel_nan), "not numbers"),
    BadInput("a radiograph of another size", with_pixels("ap", lambda p: p[:-5]), "pixels"),
    BadInput("one camera for two views", one_camera, "--geometry was given 1 times"),
    BadInput("a camera file with a gap", a_camera_without_spacing, "pixel_spacing_mm"),
    BadInput("one mask for two views", one_mask, "--mask was given 1 times"),
    BadInput("a mask of another size", with_pixels("mask", lambda p: p[:-5]), "Give a mask on the pixels"),
    BadInput("an atlas without labels", an_atlas_alone, "both --atlas and --atlas-labels"),
    BadInput("an atlas folder without labels", without_atlas_labels, "labels"),
    BadInput("an atlas folder without an atlas", given("atlas-dir", "."), "no atlas|no CT"),
    BadInput("labels on another grid", labels_on_another_grid, "grid"),
    BadInput("labels that mark nothing", with_atlas("atlas_labels.nrrd", lambda v: v * 0), "label"),
    BadInput("an atlas of one value", with_atlas("atlas_ct.nrrd", lambda v: v * 0 + 40), "constant"),
    BadInput("a start beside the detector", far_away, "shows 0 % of the atlas"),
    BadInput(
        "an atlas that the network does not know", given("method", "network"), "another atlas was given"
    ),
    BadInput("a search of nothing", given("search-rotation", 0), "rotation of the search"),
    BadInput("a view that may look anywhere", given("view-rotation", 90), "views' directions"),
    BadInput("less than no freedom", given("shape-freedom", -1), "freedom of the shape"),
]
