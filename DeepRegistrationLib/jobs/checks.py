"""Checks that files and settings of several jobs share."""

from collections.abc import Mapping, Sequence

from DeepRegistrationLib.errors import InputError


def check_one_for_each(radiographs: Sequence, lists: Mapping[str, Sequence]) -> None:
    """Refuses lists that do not have one entry for each radiograph; an empty one is none at all.

    Args:
        radiographs: one per view.
        lists: what the entries are, in the plural, and the entries.

    Raises:
        InputError: a list with another number of entries.
    """
    for what, entries in lists.items():
        if entries and len(entries) != len(radiographs):
            raise InputError(
                f"{len(radiographs)} radiographs and {len(entries)} {what} were given. Give one for each "
                "radiograph, in the same order, or none."
            )


def of_view(entries: Sequence, view: int) -> object:
    """The entry of a view, counted from 0, of a list with one entry for each; None of an empty list."""
    return entries[view] if entries else None


def check_range(what: str, value: float, least: float, most: float, unit: str) -> None:
    """Refuses a number that is not between two others, both of them allowed.

    Raises:
        InputError: a number outside, or one that is no number.
    """
    if not least <= value <= most:
        raise InputError(f"The {what} is {value:g} {unit}; it must be between {least:g} and {most:g} {unit}.")


def check_positive(what: str, value: float, most: float, unit: str) -> None:
    """Refuses a number that is not greater than 0 and at most another one.

    Raises:
        InputError: a number outside, or one that is no number.
    """
    if not 0 < value <= most:
        raise InputError(
            f"The {what} is {value:g} {unit}; it must be greater than 0 and at most {most:g} {unit}."
        )
