"""Frames that arrive one after another: what is the same for all of them is found with the first ones."""

from DeepRegistrationLib.images.us_sector import Sector, find_sector
from DeepRegistrationLib.jobs.us_angles import UsAnglesSettings
from DeepRegistrationLib.progress import Report, keep_going
from DeepRegistrationLib.workflows import us_angles
from DeepRegistrationLib.workflows.us_result import UsAnglesInputs, UsAnglesResult

_SECTORS: dict[str, Sector] = {}
"""Of the latest session, by its name."""


def register(
    inputs: UsAnglesInputs, settings: UsAnglesSettings, report: Report = keep_going
) -> UsAnglesResult:
    """Registers the last three frames of a session; see `us_angles.register`.

    Args:
        inputs: frames, calibration and mask.
        settings: choices; `live` names the session.
        report: receives progress; False stops.

    Returns:
        Angles and confidence of the three frames.
    """
    return us_angles.register(inputs, settings, report, _sector(inputs, settings.live))


def _sector(inputs: UsAnglesInputs, session: str) -> Sector:
    """The sector of the session; a picture without one, of a probe in the air, is not kept."""
    known = _SECTORS.get(session)
    if known is not None and known.mask.shape == inputs.frames.values.shape[1:]:
        return known
    found = find_sector(inputs.frames, inputs.mask)
    _SECTORS.clear()
    if not found.warning:
        _SECTORS[session] = found
    return found
