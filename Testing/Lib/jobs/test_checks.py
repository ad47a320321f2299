"""Checks that several jobs share."""

import math

import pytest

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.checks import check_one_for_each, check_positive, check_range, of_view


def test_lists_with_one_entry_for_each_radiograph_or_none_pass():
    check_one_for_each(("ap", "lateral"), {"masks": (), "camera files": (None, "lateral.json")})


def test_a_list_of_another_length_is_refused_by_its_name():
    with pytest.raises(InputError, match="2 radiographs and 3 masks were given"):
        check_one_for_each(("ap", "lateral"), {"camera files": ("a", "b"), "masks": ("a", "b", "c")})


def test_each_view_has_its_own_entry_and_none_of_an_empty_list():
    assert [of_view(("ap", "lateral"), view) for view in range(2)] == ["ap", "lateral"]
    assert [of_view((), view) for view in range(2)] == [None, None]


@pytest.mark.parametrize("value", [0.1, 7.0, 180.0])
def test_both_ends_of_a_range_are_allowed(value):
    check_range("rotation", value, 0.1, 180.0, "degrees")


@pytest.mark.parametrize("value", [0.0, 180.5, math.nan, -math.inf])
def test_a_value_outside_and_one_that_is_no_number_are_refused(value):
    with pytest.raises(InputError, match=r"must be between 0\.1 and 180 degrees"):
        check_range("rotation", value, 0.1, 180.0, "degrees")


@pytest.mark.parametrize("value", [0.01, 180.0])
def test_what_has_to_be_positive_may_be_small(value):
    check_positive("rotation", value, 180.0, "degrees")


@pytest.mark.parametrize("value", [0.0, -3.0, 180.5, math.nan])
def test_what_has_to_be_positive_is_neither_zero_nor_too_large_nor_no_number(value):
    with pytest.raises(InputError, match="must be greater than 0 and at most 180 degrees"):
        check_positive("rotation", value, 180.0, "degrees")
