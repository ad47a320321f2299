"""Makes populations on disk: meshes or a CT in, a folder of CTs with labels and a table out."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from DeepRegistrationLib.data.biplanar_split import BiplanarSplit
from DeepRegistrationLib.data.femur_folder import ATLAS, table_row, write_pair, write_table
from DeepRegistrationLib.data.femur_from_ct import femora_from_ct
from DeepRegistrationLib.data.femur_meshes import Side, load_femora
from DeepRegistrationLib.data.femur_population import FemurPopulation, PopulationSettings
from DeepRegistrationLib.data.femur_shape_model import build_femur_shapes
from DeepRegistrationLib.data.femur_surroundings import load_neighbours
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.progress import Progress, Report

_MODEL_SHARE = 0.1


def write_population(
    meshes: Path,
    output: Path,
    split: BiplanarSplit,
    count: int,
    seed: int,
    report: Report,
    coarser: int = 1,
    first: int = 0,
    assigned: Mapping[str, BiplanarSplit] | None = None,
    unit_mm: float = 1.0,
) -> list[Path]:
    """Writes patients of one split.

    Args:
        meshes: folder with the surfaces.
        output: folder to be made; must be empty or absent, unless numbers are added (`first`).
        split: whose patients.
        count: how many.
        seed: equal seeds make equal patients.
        report: receiver of the progress.
        coarser: 2 makes voxels twice as large and eight times fewer.
        first: number of the first patient; several machines can share a population.
        assigned: splits of subjects that the project does not know.
        unit_mm: what 1 in the meshes means [mm].

    Returns:
        The CTs.

    Raises:
        InputError: meshes or folder that cannot be used.
        Cancelled: the receiver wants to stop; what is written already stays.
    """
    if first == 0:
        _check_empty(output)
    femora = load_femora(meshes, assigned, unit_mm)
    settings = coarser_settings(coarser)
    needed = [femur for femur in femora if femur.split in (split, BiplanarSplit.TRAIN)]
    shapes = build_femur_shapes(
        needed, lambda progress: report(replace(progress, fraction=_MODEL_SHARE * progress.fraction))
    )
    population = FemurPopulation(shapes, split, load_neighbours(meshes, femora, split, unit_mm), settings)
    output.mkdir(parents=True, exist_ok=True)
    train = FemurPopulation(
        shapes, BiplanarSplit.TRAIN, load_neighbours(meshes, femora, BiplanarSplit.TRAIN, unit_mm), settings
    )
    atlas = train.atlas()
    rows = [table_row(atlas, ATLAS)]
    written = [write_pair(atlas, ATLAS, output).ct]
    for number in range(first, first + count):
        done = (number - first) / count
        if not report(
            Progress(_MODEL_SHARE + (1 - _MODEL_SHARE) * done, f"patient {number - first + 1} of {count}")
        ):
            raise Cancelled("population")
        femur, name = population.draw(number, seed), f"{split}_{number:04d}"
        written.append(write_pair(femur, name, output).ct)
        rows.append(table_row(femur, name))
        write_table(rows, output)  # after each: a population that is stopped has its table
    return written


def write_ct_femora(
    ct: Path,
    labels: Path,
    femora: Mapping[Side, int],
    output: Path,
    header_factor: float = 1.0,
    reversed_axis: int | None = None,
    coarser: int = 1,
) -> list[Path]:
    """Writes the femora of a real CT as the population has them.

    Args:
        ct: file in HU.
        labels: file on the same grid.
        femora: side -> label of the femur.
        output: folder to be made; must be empty or absent.
        header_factor: by which the true voxels are larger than the header says.
        reversed_axis: along which the header runs the wrong way, 0 is i; None where it is right.
        coarser: as in `write_population`.

    Returns:
        The CTs.

    Raises:
        InputError: files, labels or folder that cannot be used.
    """
    _check_empty(output)
    volumes = (read_volume(ct), read_volume(labels, labels=True))
    mended = [volume.with_voxels_scaled(header_factor) for volume in volumes]
    if reversed_axis is not None:
        mended = [volume.with_axis_reversed(reversed_axis) for volume in mended]
    found = femora_from_ct(*mended, femora, coarser_settings(coarser))
    output.mkdir(parents=True, exist_ok=True)
    names = {side: f"{volumes[0].name.removesuffix('_ct')}_{side}" for side in found}
    write_table([table_row(femur, names[side]) for side, femur in found.items()], output)
    return [write_pair(femur, names[side], output).ct for side, femur in found.items()]


def coarser_settings(coarser: int) -> PopulationSettings:
    """The usual population with voxels n times as large, and as many fewer along each axis."""
    usual = PopulationSettings()
    return replace(
        usual,
        shape_kji=tuple(n // coarser for n in usual.shape_kji),
        spacing_mm=tuple(x * coarser for x in usual.spacing_mm),
    )


def _check_empty(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"The folder '{folder}' is not empty. Name a new one, or empty it.")
