"""Brain volume against gestational age, to guess one from the other."""

import numpy as np

# Volumes of the brain masks (cerebrospinal fluid included) of the CRL spatio-temporal atlas, weeks 21 to 37:
# Gholipour et al., Scientific Reports 7:476, 2017; table published with the atlas.
_TABLE_ML = [89, 101, 106, 131, 178, 202, 210, 233, 257, 282, 313, 341, 356, 393, 418, 422, 391]
# the mean of three weeks evens out the few brains behind each; the ends keep their slope
_AGE_WEEKS = np.arange(20.0, 45.0)
_GROWTH_ML_PER_WEEK = 18.0  # mean slope from week 30 to 36, carried on to newborns of 44 weeks
_VOLUME_ML = np.concatenate(
    [
        [81.0, 90.0],
        np.convolve(_TABLE_ML[:16], np.ones(3) / 3, mode="valid"),
        417.0 + _GROWTH_ML_PER_WEEK * np.arange(9),
    ]
)


def brain_volume_ml(gestational_age_weeks: float) -> float:
    """Typical brain volume at an age.

    Args:
        gestational_age_weeks: age [weeks]; clipped to 20 to 44.

    Returns:
        Volume within the brain mask, fluid included [mL].
    """
    return float(np.interp(gestational_age_weeks, _AGE_WEEKS, _VOLUME_ML))


def age_of_brain_volume_weeks(volume_ml: float) -> float:
    """Age at which a brain typically has this volume [weeks], 20 to 44."""
    return float(np.interp(volume_ml, _VOLUME_ML, _AGE_WEEKS))
