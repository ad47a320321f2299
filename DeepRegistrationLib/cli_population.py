"""Command line of the synthetic population."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.console import run_to_exit_code, say
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Report


class Split(StrEnum):
    """Uses of a patient; `data/biplanar_split.py` says which subject has which."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class VoxelAxis(StrEnum):
    """Axes of an image's voxels."""

    I = "i"  # noqa: E741
    J = "j"
    K = "k"


CoarserOption = Annotated[
    int,
    typer.Option(help="2 or 4: larger voxels. 1 is 192 x 128 x 192 of 0.664 x 0.664 x 1 mm.", min=1, max=4),
]


def population(
    data: Annotated[
        Path,
        typer.Option(
            help="Folder with surfaces: SUBJECT_femur_l.stl, SUBJECT_femur_r.stl, and, if there are some, "
            "SUBJECT_pelvis.stl and SUBJECT_tibia_r.stl of the same scan."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder for the CTs with labels; new or empty.")],
    count: Annotated[int, typer.Option(help="Number of patients.", min=1)] = 235,
    split: Annotated[
        Split, typer.Option(help="From whose bones: subjects to train on, to choose by or to measure on.")
    ] = Split.TRAIN,
    seed: Annotated[int, typer.Option(help="Equal seeds make equal patients.", min=0)] = 0,
    first: Annotated[
        int, typer.Option(help="Number of the first patient, to share the work between machines.", min=0)
    ] = 0,
    coarser: CoarserOption = 1,
    assign: Annotated[
        list[str] | None,
        typer.Option(help="SUBJECT=SPLIT, for subjects of your own; may be given several times."),
    ] = None,
    unit_mm: Annotated[float, typer.Option(help="What 1 in the surfaces means [mm]; 1000 for metres.")] = 1.0,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, only errors.")] = False,
) -> None:
    """Make CTs of femora with labels from surfaces of real femora.

    Writes NAME_ct.nii.gz [HU] and NAME_labels.nii.gz (1 cancellous bone, 2 head, 3 cortical bone, 4 marrow),
    the atlas, and population.csv with everything that was drawn and with landmarks. Shapes vary by a model of
    the training subjects. A folder of your own CTs with labels can stand in for it.
    """

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.data.biplanar_split import BiplanarSplit
        from DeepRegistrationLib.data.femur_population_writer import write_population

        written = write_population(
            data,
            output,
            BiplanarSplit(split),
            count,
            seed,
            keep_going,
            coarser,
            first,
            {subject: BiplanarSplit(use) for subject, use in map(_assignment, assign or [])},
            unit_mm,
        )
        say(f"{len(written) - 1} patients and the atlas in {output}")
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))


def shape_model(
    data: Annotated[
        Path,
        typer.Option(help="Folder with an atlas and at least 3 patients, as `population` writes it."),
    ],
    output: Annotated[
        Path | None, typer.Option(help="File for the model; left out, shape_model.safetensors in --data.")
    ] = None,
    patients: Annotated[
        int | None, typer.Option(help="At most so many, from the first on; left out, all.", min=3)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, only errors.")] = False,
) -> None:
    """Learn how shapes differ from the atlas: its principal deformations to labelled CTs.

    The model is what `biplanar` bends the atlas by. It takes some 15 s for each patient and needs no graphics
    card. Patients have the labels of the atlas and lie about as it does.
    """

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.data.biplanar_atlas import prepare_atlas
        from DeepRegistrationLib.data.biplanar_shape_model import (
            SHAPE_MODEL,
            build_shape_model,
            write_shape_model,
        )
        from DeepRegistrationLib.data.femur_folder import find_atlas, find_pairs

        atlas = prepare_atlas(*find_atlas(data).read())
        model = build_shape_model(atlas, find_pairs(data)[:patients], keep_going)
        path = output or data / SHAPE_MODEL
        write_shape_model(model, path)
        say(f"{model.count} modes in {path}")
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))


def femora_from_ct(
    ct: Annotated[Path, typer.Option(help="CT in HU with one or both hips.")],
    labels: Annotated[Path, typer.Option(help="Labels on the same grid.")],
    output: Annotated[Path, typer.Option(help="Folder for the CTs with labels; new or empty.")],
    left: Annotated[int | None, typer.Option(help="Label of the left femur.", min=1)] = None,
    right: Annotated[int | None, typer.Option(help="Label of the right femur.", min=1)] = None,
    header_factor: Annotated[
        float, typer.Option(help="By which the true voxels are larger than the header says.", min=0.01)
    ] = 1.0,
    reversed_axis: Annotated[
        VoxelAxis | None,
        typer.Option(
            help="Axis of the voxels along which the header runs the wrong way, for example front where back "
            "is: patients would be mirrored, left bones taken for right ones."
        ),
    ] = None,
    coarser: CoarserOption = 1,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only errors.")] = False,
) -> None:
    """Cut the femora out of a real CT, as right ones in the frame of the population.

    Writes NAME_left_ct.nii.gz, NAME_left_labels.nii.gz (1 femur, 2 its head), the same for the right one, and
    population.csv.
    """

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.data.femur_meshes import Side
        from DeepRegistrationLib.data.femur_population_writer import write_ct_femora

        named = {Side.LEFT: left, Side.RIGHT: right}
        femora = {side: label for side, label in named.items() if label is not None}
        if not femora:
            raise InputError("No femur is named. Give the label of at least one with --left or --right.")
        axis = None if reversed_axis is None else list(VoxelAxis).index(reversed_axis)
        written = write_ct_femora(ct, labels, femora, output, header_factor, axis, coarser)
        say("\n".join(map(str, written)))
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))


def _assignment(text: str) -> tuple[str, Split]:
    subject, sign, use = text.partition("=")
    if not subject or not sign or use not in list(Split):
        raise InputError(f"'{text}' assigns nothing. Write SUBJECT=SPLIT with one of {', '.join(Split)}.")
    return subject, Split(use)
