"""Images that cannot be used, made from one that can: each function takes its path and returns another."""

from pathlib import Path

import nrrd
import numpy as np
import SimpleITK as sitk


def _beside(path: Path, name: str) -> Path:
    return path.with_name(name)


def _written(path: Path, array: np.ndarray, name: str = "spoiled.nrrd", **kind) -> Path:
    """Another array at the place of the image, voxel by voxel."""
    image = sitk.GetImageFromArray(array, **kind)
    if image.GetSize() == sitk.ReadImage(str(path)).GetSize():
        image.CopyInformation(sitk.ReadImage(str(path)))
    new = _beside(path, name)
    sitk.WriteImage(image, str(new))
    return new


def _array(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def missing(path: Path) -> Path:
    return _beside(path, "nowhere.nii.gz")


def empty_file(path: Path) -> Path:
    new = _beside(path, "nothing" + "".join(path.suffixes))
    new.write_bytes(b"")
    return new


def truncated(path: Path) -> Path:
    new = _beside(path, "half" + "".join(path.suffixes))
    content = path.read_bytes()
    new.write_bytes(content[: len(content) * 6 // 10])
    return new


def a_text(path: Path) -> Path:
    new = _beside(path, "letter" + "".join(path.suffixes))
    new.write_text("Dear colleague, please find the images enclosed.\n" * 20, encoding="utf-8")
    return new


def of_another_program(path: Path) -> Path:
    new = _beside(path, "scan.docx")
    new.write_bytes(b"PK\x03\x04" + bytes(range(256)))
    return new


def empty_folder(path: Path) -> Path:
    new = _beside(path, "photos")
    new.mkdir()
    (new / "holiday.txt").write_text("no image", encoding="utf-8")
    return new


def with_nan(path: Path) -> Path:
    array = _array(path).astype(np.float32)
    array.reshape(-1)[array.size // 2] = np.nan
    return _written(path, array)


def with_infinity(path: Path) -> Path:
    array = _array(path).astype(np.float32)
    array.reshape(-1)[:3] = np.inf
    return _written(path, array)


def constant(path: Path) -> Path:
    return _written(path, np.full_like(_array(path), 7))


def one_slice(path: Path) -> Path:
    return _written(path, _array(path)[:1])


def a_series(path: Path) -> Path:
    new = _beside(path, "series.nrrd")
    sitk.WriteImage(sitk.JoinSeries([sitk.ReadImage(str(path))] * 3), str(new))
    return new


def a_vector_field(path: Path) -> Path:
    array = _array(path)
    return _written(path, np.stack([array] * 3, -1), "vectors.mha", isVector=True)


def _with_directions(path: Path, directions: np.ndarray, origin=(0.0, 0.0, 0.0)) -> Path:
    new = _beside(path, "grid.nrrd")
    header = {
        "space": "left-posterior-superior",
        "space directions": directions,
        "space origin": np.array(origin),
    }
    nrrd.write(str(new), np.ascontiguousarray(_array(path)), header, index_order="C")
    return new


def sheared(path: Path) -> Path:
    return _with_directions(path, np.array([[1.0, 0, 0], [0.5, 1.0, 0], [0, 0, 1.0]]))


def with_parallel_axes(path: Path) -> Path:
    return _with_directions(path, np.array([[1.0, 0, 0], [1.0, 0, 0], [0, 0, 1.0]]))


def with_voxels_of_no_size(path: Path) -> Path:
    return _with_directions(path, np.diag([1.0, 1.0, 0.0]))


def lying_nowhere(path: Path) -> Path:
    return _with_directions(path, np.eye(3), (np.nan, 0.0, 0.0))


def nothing_marked(path: Path) -> Path:
    return _written(path, np.zeros_like(_array(path)), "empty.nrrd")


def one_voxel_marked(path: Path) -> Path:
    array = np.zeros_like(_array(path))
    array[tuple(size // 2 for size in array.shape)] = 1
    return _written(path, array, "voxel.nrrd")


def everything_marked(path: Path) -> Path:
    return _written(path, np.ones_like(_array(path)), "full.nrrd")


def of_another_size(path: Path) -> Path:
    return _written(path, _array(path)[:-2], "cropped.nrrd")


def with_fractions(path: Path) -> Path:
    return _written(path, _array(path).astype(np.float32) * 0.3, "soft.nrrd")
