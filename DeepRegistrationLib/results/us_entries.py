"""What only ultrasound frames have in result.json, and the table of their angles."""

import csv
from pathlib import Path

import numpy as np

from DeepRegistrationLib.workflows.us_result import DriftReport, UsAnglesResult

_COLUMNS = (
    "frame",
    "next_frame",
    "angle_deg",
    "shift_u_mm",
    "shift_v_mm",
    "angle_sigma_deg",
    "correlation",
    "confidence",
    "refused",
    "summed_angle_deg",
    "tracked_angle_deg",
)


def us_entries(result: UsAnglesResult) -> dict[str, object]:
    """Entries `angles_deg`, `angles_probe_deg`, `middle_frame`, `first_from_frame`, `pairs`, `triplets` and
    `drift`.

    Args:
        result: of the job `us-angles`.
    """
    triplets, at = result.triplets, result.middle
    entries: dict[str, object] = {
        "angles_deg": {"before": triplets.before_deg[at], "after": triplets.after_deg[at]},
        "angles_meaning": "Euler angles x, y, z (fixed axes, in this order) of the content of a frame "
        "against the middle frame, in image space: x along columns, y down the rows, z away from the "
        "viewer; positive z is "
        "clockwise on the screen.",
        "middle_frame": at + 1,
    }
    if triplets.before_probe_deg is not None:
        entries["angles_probe_deg"] = {
            "before": triplets.before_probe_deg[at],
            "after": triplets.after_probe_deg[at],
        }
    # image space of the first frame from that of each [mm]; a refused motion counts as none
    entries["first_from_frame"] = result.first_from_frame
    su, sv = result.frames.spacing_mm or (1.0, 1.0)
    entries["ras_from_pixel"] = result.frames.ras_from_image @ np.diag([su, sv, 1.0, 1.0])
    pairs = result.pairs
    entries["pairs"] = [
        {
            "frame": k,
            "next_frame": k + 1,
            "angle_deg": pairs.angle_deg[k],
            "shift_mm": pairs.shift_mm[k],
            "angle_sigma_deg": pairs.angle_sigma_deg[k],
            "correlation": pairs.correlation[k],
            "confidence": pairs.confidence[k].value,
            "refused": bool(pairs.refused[k]),
        }
        for k in range(len(pairs.angle_deg))
    ]
    entries["triplets"] = [
        {
            "middle_frame": k + 1,
            "before_deg": triplets.before_deg[k],
            "after_deg": triplets.after_deg[k],
            "refused": bool(triplets.refused[k]),
        }
        for k in range(len(triplets.before_deg))
    ]
    entries["drift"] = None if result.drift is None else _drift(result.drift)
    return entries


def _drift(drift: DriftReport) -> dict[str, object]:
    return {
        "mean_error_deg": drift.mean_error_deg,
        "drift_deg": drift.drift_deg,
        "mean_tilt_deg": float(np.nanmean(drift.tilt_deg)),
        "mean_out_of_plane_mm": float(np.nanmean(np.abs(drift.out_of_plane_mm))),
    }


def write_angles(result: UsAnglesResult, path: Path) -> None:
    """Writes one row per pair of consecutive frames as CSV."""
    pairs = result.pairs
    summed = np.cumsum(np.where(pairs.refused, 0.0, pairs.angle_deg))
    tracked = [None] * len(summed) if result.drift is None else result.drift.true_deg
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for k, confidence in enumerate(pairs.confidence):
            numbers = (
                pairs.angle_deg[k],
                *pairs.shift_mm[k],
                pairs.angle_sigma_deg[k],
                pairs.correlation[k],
                confidence.value,
            )
            known = tracked[k] is not None and np.isfinite(tracked[k])
            writer.writerow(
                [
                    k,
                    k + 1,
                    *(f"{number:.5f}" for number in numbers),
                    int(pairs.refused[k]),
                    f"{summed[k]:.5f}",
                    f"{tracked[k]:.5f}" if known else "",
                ]
            )
