"""The job of an atlas and two radiographs from files to the result folder."""

import json

import numpy as np
import pytest
import SimpleITK as sitk

from DeepRegistrationLib.cli_case_table import read_case_table
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.write import to_sitk
from DeepRegistrationLib.job_runner import run_job
from DeepRegistrationLib.jobs.biplanar import BiplanarFiles, BiplanarMethod, BiplanarSettings
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.job import ExitCode, Job, JobKind, read_job, write_job
from DeepRegistrationLib.jobs.xray_ct import XrayPolarity
from Testing.Lib.biplanar_case import a_biplanar_case, write_biplanar_case

ALWAYS = {
    "result.json",
    "transform.tfm",
    "transform.h5",
    "inverse.h5",
    "uncertainty.nrrd",
    "warped.nrrd",
    "segmentation.seg.nrrd",
    "report.html",
    *(f"{stem}{number}.nrrd" for stem in ("drr", "drr_start", "xray") for number in ("", "2")),
}


def job_of(folder, output, **files):
    pair = {
        "geometries": (folder / "camera1.json", folder / "camera2.json"),
        "masks": (folder / "mask1.nrrd", folder / "mask2.nrrd"),
    }
    return Job(
        JobKind.BIPLANAR,
        BiplanarFiles(
            (folder / "xray1.nrrd", folder / "xray2.nrrd"),
            **{
                **pair,
                "atlas": folder / "atlas_ct.nrrd",
                "atlas_labels": folder / "atlas_labels.nrrd",
                **files,
            },
        ),
        BiplanarSettings(method=BiplanarMethod.SDM, polarity=XrayPolarity.BONE_BRIGHT, device=Device.CPU),
        output,
    )


@pytest.fixture(scope="module")
def a_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("biplanar")
    write_biplanar_case(a_biplanar_case(pixels=64), folder)
    return folder


@pytest.fixture(scope="module")
def a_result(a_folder):
    """Result folder and outcome of the quickest method."""
    output = a_folder / "result"
    return output, run_job(job_of(a_folder, output))


def test_every_file_is_there_and_says_what_it_is(a_result):
    folder, outcome = a_result
    assert outcome.exit_code in (ExitCode.DONE, ExitCode.NOT_TRUSTED)
    assert {path.name for path in folder.iterdir()} == ALWAYS
    content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert content["job"] == "biplanar"
    first = next(iter(content["transforms"].items()))
    assert (first[0], first[1]["from"]) == ("world_from_atlas", "atlas RAS")
    assert content["jacobian"]["folded"] == 0
    assert content["fields"]["transform.h5"]["to"] == "atlas RAS"
    assert [view["mask"] for view in content["views"]] == ["given", "given"]
    assert set(content["inputs"]) >= {"atlas", "atlas_labels", "xray", "xray2", "geometry", "mask2"}
    assert "shape model" in " ".join(content["warnings"])


def test_itk_resamples_the_atlas_into_what_was_written_as_warped(a_result):
    folder, _ = a_result
    transform = sitk.ReadTransform(str(folder / "transform.h5"))
    atlas = to_sitk(a_biplanar_case(pixels=64).ct)
    warped = sitk.ReadImage(str(folder / "warped.nrrd"))
    again = sitk.GetArrayFromImage(sitk.Resample(atlas, warped, transform, sitk.sitkLinear, -1000.0))
    expected = sitk.GetArrayFromImage(warped)
    bone = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "segmentation.seg.nrrd"))) > 0
    assert bone.sum() > 1000
    assert np.abs(again - expected)[bone].mean() < 15  # of 1600 HU between air and bone


def test_the_saved_maps_undo_each_other_for_itk(a_result):
    folder, _ = a_result
    there, back = (sitk.ReadTransform(str(folder / name)) for name in ("transform.h5", "inverse.h5"))
    labels = sitk.ReadImage(str(folder / "segmentation.seg.nrrd"))
    kji = np.argwhere(sitk.GetArrayFromImage(labels) > 0)[::97]
    points = [labels.TransformIndexToPhysicalPoint([int(n) for n in index[::-1]]) for index in kji]
    apart = [np.subtract(back.TransformPoint(there.TransformPoint(point)), point) for point in points]
    assert np.linalg.norm(apart, axis=1).max() < 0.1


def test_a_job_file_and_a_table_describe_the_same_job(a_folder, tmp_path):
    job = job_of(a_folder, tmp_path / "out")
    write_job(job, tmp_path / "job.json")
    assert read_job(tmp_path / "job.json") == job
    names = ["ap", "lateral", "geometry", "mask", "atlas", "atlas-labels", "method", "polarity"]
    cells = [
        "xray1.nrrd",
        "xray2.nrrd",
        "camera1.json;camera2.json",
        "mask1.nrrd;mask2.nrrd",
        "atlas_ct.nrrd",
        "atlas_labels.nrrd",
        "sdm",
        "bone-bright",
    ]
    table = a_folder / "cases.csv"
    table.write_text(f"case,{','.join(names)}\none,{','.join(cells)}\n", encoding="utf-8")
    (case,) = read_case_table(table, tmp_path, JobKind.BIPLANAR)
    assert case.job.files == job.files
    assert case.job.settings.method is BiplanarMethod.SDM


def test_a_mask_of_another_size_is_refused(a_folder, tmp_path):
    other = sitk.GetImageFromArray(np.eye(20, dtype=np.uint8))
    sitk.WriteImage(other, str(tmp_path / "mask.nrrd"))
    with pytest.raises(InputError, match="Give a mask on the pixels of the radiograph"):
        run_job(job_of(a_folder, tmp_path / "out", masks=(tmp_path / "mask.nrrd",) * 2))
    assert not (tmp_path / "out").exists()


def test_one_radiograph_or_an_atlas_without_labels_is_refused(a_folder):
    with pytest.raises(InputError, match="at least two"):
        BiplanarFiles((a_folder / "xray1.nrrd",))
    with pytest.raises(InputError, match="both --atlas and --atlas-labels"):
        BiplanarFiles((a_folder / "xray1.nrrd", a_folder / "xray2.nrrd"), atlas=a_folder / "atlas_ct.nrrd")


def test_the_femur_of_the_program_is_installed_with_its_shape_model():
    folder = BiplanarFiles((__file__, __file__)).folder
    assert {path.name for path in folder.iterdir()} >= {
        "atlas_ct.nii.gz",
        "atlas_labels.nii.gz",
        "shape_model.safetensors",
        "README.md",
    }
