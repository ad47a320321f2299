"""CTs and bone labels that cannot be meant."""

import pytest

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.ct_checks import check_bones, check_ct
from Testing.Lib.xray_case import a_body


@pytest.fixture(scope="module")
def ct_and_labels():
    return a_body(6.0)


def test_a_ct_with_air_and_bone_passes(ct_and_labels):
    check_ct(ct_and_labels[0])
    check_bones(ct_and_labels[1], ct_and_labels[0], (1, 3))


def test_numbers_that_begin_at_0_are_no_hounsfield_units(ct_and_labels):
    ct = ct_and_labels[0]
    with pytest.raises(InputError, match=r"'body' is not in Hounsfield units.*subtract 1024"):
        check_ct(ct.with_values(ct.values + 1024))


def test_a_ct_without_bone_is_refused(ct_and_labels):
    ct = ct_and_labels[0]
    with pytest.raises(InputError, match=r"shows no bone: its values go from -1000 to 100 HU"):
        check_ct(ct.with_values(ct.values.clamp(max=100)))


def test_a_label_that_is_not_there_is_named_with_those_that_are(ct_and_labels):
    with pytest.raises(InputError, match=r"no voxel with the label 4, 9; it holds the labels 1, 2, 3"):
        check_bones(ct_and_labels[1], ct_and_labels[0], (1, 4, 9))


def test_labels_of_another_ct_are_refused(ct_and_labels):
    with pytest.raises(InputError, match="another grid than 'body'"):
        check_bones(a_body(7.0)[1], ct_and_labels[0], ())
