"""Files of a CT and its radiographs that cannot be used: each is refused in a sentence before computing."""

import dataclasses
import json

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import torch
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.job_runner import run_job
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs
from DeepRegistrationLib.jobs.xray_ct import XrayCtFiles, XrayCtSettings
from Testing.Lib.xray_case import a_body, a_camera, a_case, write_case


@pytest.fixture
def a_good_job(tmp_path):
    write_case(a_case((a_camera(pixels=32),), voxel_mm=7.0), tmp_path)
    return Job(
        JobKind.XRAY_CT,
        XrayCtFiles(
            tmp_path / "ct.nrrd",
            (tmp_path / "xray1.nrrd",),
            (tmp_path / "camera1.json",),
            tmp_path / "bones.nrrd",
        ),
        XrayCtSettings(),
        tmp_path / "out",
        Outputs(report=False),
    )


def folder_of(job):
    return job.output_folder.parent


def with_files(job, **files):
    return dataclasses.replace(job, files=dataclasses.replace(job.files, **files))


def with_camera(job, **entries):
    """The camera file with other entries; None removes one."""
    path = folder_of(job) / "camera1.json"
    content = json.loads(path.read_text()) | entries
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    return job


def with_xray(job, values):
    path = folder_of(job) / "changed.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(np.asarray(values, dtype=np.float32)), str(path))
    return with_files(job, xrays=(path,))


def xray_of(job):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(job.files.xrays[0])))[0]


def missing_ct(job):
    return with_files(job, ct=folder_of(job) / "nowhere.nii.gz")


def missing_radiograph(job):
    return with_files(job, xrays=(folder_of(job) / "nowhere.png",))


def missing_camera_file(job):
    return with_files(job, geometries=(folder_of(job) / "nowhere.json",))


def no_geometry_at_all(job):
    return with_files(job, geometries=())


def ct_that_begins_at_0(job):
    ct, _ = a_body(7.0)
    write_nrrd(ct.with_values(ct.values + 1024), folder_of(job) / "shifted.nrrd")
    return with_files(job, ct=folder_of(job) / "shifted.nrrd")


def ct_without_bone(job):
    ct, _ = a_body(7.0)
    write_nrrd(ct.with_values(ct.values.clamp(max=60.0)), folder_of(job) / "soft.nrrd")
    return with_files(job, ct=folder_of(job) / "soft.nrrd")


def ct_with_nan(job):
    ct, _ = a_body(7.0)
    ct.values[3, 4, 5] = torch.nan
    write_nrrd(ct, folder_of(job) / "nan.nrrd")
    return with_files(job, ct=folder_of(job) / "nan.nrrd")


def one_slice_as_ct(job):
    return with_files(job, ct=job.files.xrays[0])


def constant_radiograph(job):
    return with_xray(job, np.full_like(xray_of(job), 7.0))


def radiograph_with_nan(job):
    values = xray_of(job).copy()
    values[2, 3] = np.nan
    return with_xray(job, values)


def radiograph_of_another_size(job):
    return with_xray(job, xray_of(job)[:, :-3])


def radiograph_on_its_side(job):
    return with_xray(job, xray_of(job).T)


def volume_as_radiograph(job):
    return with_files(job, xrays=(job.files.ct,))


def camera_file_with_a_gap(job):
    return with_camera(job, pixel_spacing_mm=None)


def camera_file_with_both_kinds_of_geometry(job):
    return with_camera(job, primary_angle_deg=10.0)


def singular_camera(job):
    return with_camera(job, camera_from_world=np.diag([1.0, 1.0, 0.0, 1.0]).tolist())


def camera_without_distance(job):
    return with_camera(job, source_to_detector_mm=0.0)


def camera_file_that_is_no_json(job):
    (folder_of(job) / "camera1.json").write_text("{source: somewhere")
    return job


def ct_behind_the_source(job):
    camera = json.loads((folder_of(job) / "camera1.json").read_text())
    turned = np.diag([1.0, -1.0, -1.0, 1.0]) @ np.array(camera["camera_from_world"])
    return with_camera(job, camera_from_world=turned.tolist())


def ct_beside_the_beam(job):
    camera = json.loads((folder_of(job) / "camera1.json").read_text())
    matrix = np.array(camera["camera_from_world"])
    matrix[0, 3] += 900.0
    return with_camera(job, camera_from_world=matrix.tolist())


def empty_labels(job):
    _, labels = a_body(7.0)
    write_nrrd(labels.with_values(labels.values * 0), folder_of(job) / "empty.nrrd")
    return with_files(job, ct_labels=folder_of(job) / "empty.nrrd")


def labels_on_another_grid(job):
    write_nrrd(a_body(9.0)[1], folder_of(job) / "other.nrrd")
    return with_files(job, ct_labels=folder_of(job) / "other.nrrd")


def a_label_that_is_not_there(job):
    return dataclasses.replace(job, settings=XrayCtSettings(bone_labels=(2, 9)))


def chosen_labels_without_labels(job):
    return dataclasses.replace(with_files(job, ct_labels=None), settings=XrayCtSettings(bone_labels=(2,)))


def scaled_start(job):
    transform = sitk.AffineTransform(3)
    transform.SetMatrix((1.2, 0, 0, 0, 1.2, 0, 0, 0, 1.2))
    sitk.WriteTransform(transform, str(folder_of(job) / "start.tfm"))
    return with_files(job, initial_pose=folder_of(job) / "start.tfm")


def text_as_start(job):
    (folder_of(job) / "start.tfm").write_text("left a bit")
    return with_files(job, initial_pose=folder_of(job) / "start.tfm")


def damaged_dicom(job):
    path = folder_of(job) / "xray.dcm"
    path.write_bytes(bytes(128) + b"DICM" + bytes(range(200)))
    return with_files(job, xrays=(path,))


def dicom_without_geometry(job):
    values = np.round(xray_of(job) * 1000).astype(np.uint16)
    header = pydicom.Dataset()
    header.SOPClassUID, header.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.12.1", pydicom.uid.generate_uid()
    header.Modality, header.PatientName = "XA", ""
    header.Rows, header.Columns = values.shape
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 0
    header.PixelData = values.tobytes()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.save_as(folder_of(job) / "xa.dcm", enforce_file_format=True)
    return with_files(job, xrays=(folder_of(job) / "xa.dcm",), geometries=())


def ct_as_dicom_radiograph(job):
    dicom_without_geometry(job)
    header = pydicom.dcmread(folder_of(job) / "xa.dcm")
    header.Modality = "CT"
    header.save_as(folder_of(job) / "ct.dcm")
    return with_files(job, xrays=(folder_of(job) / "ct.dcm",))


BAD = [
    (missing_ct, r"nowhere\.nii\.gz' does not exist"),
    (missing_radiograph, r"nowhere\.png' does not exist"),
    (missing_camera_file, r"nowhere\.json' cannot be opened"),
    (no_geometry_at_all, r"does not tell where source and detector were"),
    (ct_that_begins_at_0, r"not in Hounsfield units"),
    (ct_without_bone, r"shows no bone"),
    (ct_with_nan, r"not numbers \(NaN"),
    (one_slice_as_ct, r"has one slice"),
    (constant_radiograph, r"is constant"),
    (radiograph_with_nan, r"1 pixels that are not numbers"),
    (radiograph_of_another_size, r"its camera 32 x 29"),
    (radiograph_on_its_side, r"Exchange columns and rows"),
    (volume_as_radiograph, r"is a volume"),
    (camera_file_with_a_gap, r"lacks pixel_spacing_mm"),
    (camera_file_with_both_kinds_of_geometry, r"could contradict each other"),
    (singular_camera, r"'camera_from_world' is not rigid"),
    (camera_without_distance, r"must be greater than 0"),
    (camera_file_that_is_no_json, r"is not JSON"),
    (ct_behind_the_source, r"behind the X-ray source"),
    (ct_beside_the_beam, r"beside the X-ray beam"),
    (empty_labels, r"is empty"),
    (labels_on_another_grid, r"lies on another grid"),
    (a_label_that_is_not_there, r"no voxel with the label 9; it holds the labels 1, 2, 3"),
    (chosen_labels_without_labels, r"no label image was given"),
    (scaled_start, r"is not rigid"),
    (text_as_start, r"no transform file that can be read"),
    (damaged_dicom, r"cannot be read|is not an image"),
    (dicom_without_geometry, r"lacks|does not tell|missing"),
    (ct_as_dicom_radiograph, r"modality CT and not a radiograph"),
]


def refuse_to_compute(progress):
    assert progress.text == "Reading the images", "bad input was found too late"
    return True


@pytest.mark.parametrize(("spoil", "text"), BAD, ids=[spoil.__name__ for spoil, _ in BAD])
def test_what_cannot_be_used_is_refused_in_a_sentence(a_good_job, spoil, text):
    job = spoil(a_good_job)
    with pytest.raises(InputError, match=text) as refused:
        run_job(job, refuse_to_compute)
    message = str(refused.value)
    assert message.endswith(".")
    assert message.count(". ") >= 1  # what is wrong, then what to do
    assert not job.output_folder.exists()
