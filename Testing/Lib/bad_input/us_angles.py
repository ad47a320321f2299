"""Mistakes with ultrasound frames."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from DeepRegistrationLib.images.us_metaimage_write import write_metaimage_frames
from Testing.Lib.bad_input import spoiled_images as images
from Testing.Lib.bad_input.command_case import BadInput, CommandCase, given
from Testing.Lib.ultrasound import in_machine, moved_frame

ANGLES = (-3.0, 0.0, 5.0)


def good(folder: Path) -> CommandCase:
    paths = tuple(folder / f"{name}.png" for name in ("before", "middle", "after"))
    for path, angle in zip(paths, ANGLES, strict=True):
        picture = in_machine(moved_frame(angle, (0.0, 0.0), 96))
        sitk.WriteImage(sitk.GetImageFromArray(picture), str(path))
    options = {
        "frames": paths,
        "pixel-size": (0.2, 0.2),
        "method": ("search+refine",),
        "output": (folder / "result",),
    }
    return CommandCase(folder, options)


def with_frame(make) -> object:
    """The last frame is another file."""

    def spoil(case):
        before, middle, after = case.options["frames"]
        return case.having("frames", before, middle, make(after))

    return spoil


def pixels(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def of_another_size(path):
    new = path.with_name("small.png")
    sitk.WriteImage(sitk.GetImageFromArray(pixels(path)[:-7]), str(new))
    return new


def black(path):
    new = path.with_name("black.png")
    sitk.WriteImage(sitk.GetImageFromArray(pixels(path) * 0), str(new))
    return new


def a_sweep_as_a_frame(path):
    new = path.with_name("sweep.mha")
    sitk.WriteImage(sitk.GetImageFromArray(np.stack([pixels(path)] * 4)), str(new))
    return new


def a_sweep_of(count):
    def spoil(case):
        frames = np.stack([pixels(path) for path in case.options["frames"]])[:count]
        path = case.folder / "sweep.igs.mha"
        write_metaimage_frames(frames, (1, 1), {}, np.ones(count, bool), np.arange(count) / 20, path)
        return case.lacking("frames").having("sequence", path)

    return spoil


def a_sweep_whose_header_counts_wrongly(case):
    case = a_sweep_of(3)(case)
    path = case.path("sequence")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"ElementDataFile", b"Seq_Frame0007_Timestamp = 7\nElementDataFile"))
    return case


def half_a_sweep(case):
    case = a_sweep_of(3)(case)
    path = case.path("sequence")
    path.write_bytes(path.read_bytes()[:-30_000])
    return case


def frames_and_a_sweep(case):
    return a_sweep_of(3)(case).having("frames", *case.options["frames"])


def a_calibration(text):
    def spoil(case):
        (case.folder / "plus.xml").write_text(text, encoding="utf-8")
        return case.having("calibration", case.folder / "plus.xml")

    return spoil


def a_mask_from(make):
    def spoil(case):
        path = case.folder / "mask.png"
        sitk.WriteImage(sitk.GetImageFromArray(make(pixels(case.options["frames"][0]))), str(path))
        return case.having("mask", path)

    return spoil


_PLUS = "<PlusConfiguration><CoordinateDefinitions>{}</CoordinateDefinitions></PlusConfiguration>".format
_OF_15 = _PLUS('<Transform From="Image" To="Probe" Matrix="1 0 0 0 0 1 0 0 0 0 1 0 0 0 0"/>')
_SINGULAR = _PLUS('<Transform From="Image" To="Probe" Matrix="0.2 0 0 0 0 0 0 0 0 0 0.2 0 0 0 0 1"/>')

BAD = [
    BadInput("a frame that is not there", with_frame(images.missing), "nothing at"),
    BadInput("an empty file", with_frame(images.empty_file), r"is empty \(0 bytes\)"),
    BadInput("half a picture", with_frame(images.truncated), "damaged"),
    BadInput("a text as a frame", with_frame(images.a_text), "damaged or no picture"),
    BadInput("a file of another program", with_frame(images.of_another_program), "not an image"),
    BadInput("a folder as a frame", with_frame(images.empty_folder), "a folder at"),
    BadInput("a frame of another size", with_frame(of_another_size), "pixels, 'before' 400 x 300"),
    BadInput("a black frame", with_frame(black), "is constant"),
    BadInput("a sweep as a frame", with_frame(a_sweep_as_a_frame), "holds 4 frames; one was expected"),
    BadInput("two frames in a sweep", a_sweep_of(2), "has 2 frames; three"),
    BadInput("frames and a sweep", frames_and_a_sweep, "both were given"),
    BadInput("neither frames nor a sweep", lambda case: case.lacking("frames"), "neither was given"),
    BadInput("a header of other frames", a_sweep_whose_header_counts_wrongly, "describes"),
    BadInput("half a sweep", half_a_sweep, "damaged"),
    BadInput("pixels of no size", given("pixel-size", 0.2, 0.0), "both must be positive"),
    BadInput("a calibration that is no XML", a_calibration("calibrated"), "is no XML file"),
    BadInput("a calibration without an image", a_calibration(_PLUS("")), "holds no calibration"),
    BadInput("a calibration of 15 numbers", a_calibration(_OF_15), "15 numbers instead of 16"),
    BadInput("a calibration that flattens", a_calibration(_SINGULAR), "calibration"),
    BadInput("an empty mask", a_mask_from(lambda picture: picture * 0), "mask of the sector is empty"),
    BadInput("a mask that is not there", lambda c: c.having("mask", "/no/mask.png"), "'mask.png' cannot be"),
    BadInput("a mask of another size", a_mask_from(lambda picture: picture[:-9]), "The mask has"),
    BadInput("a method that there is not", given("method", "guess"), "guess"),
]
