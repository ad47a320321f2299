"""What only the report of ultrasound frames has: the angles, and the drift against a tracker."""

from collections.abc import Mapping, Sequence

from DeepRegistrationLib.report.html_parts import grid, section

_MOST_ROWS = 60


def us_sections(content: Mapping[str, object]) -> list[str]:
    """The sections as HTML.

    Args:
        content: of result.json.
    """
    return [_angles(content), _drift(content["drift"]), _refused(content["pairs"])]


def _angles(content: Mapping[str, object]) -> str:
    spaces = [("image", content["angles_deg"])]
    if "angles_probe_deg" in content:
        spaces.append(("probe", content["angles_probe_deg"]))
    rows = [
        (f"frame {which}, in {name} space", *(f"{angle:+.3f}" for angle in angles[which]))
        for name, angles in spaces
        for which in ("before", "after")
    ]
    return section(
        "Euler angles",
        f"<p>Of the content of a frame against the middle frame ({content['middle_frame']}), about fixed "
        "axes x, y, z in this order. In image space x runs along the columns, y down the rows, z away "
        "from the viewer; positive z is clockwise on the screen. The probe has turned the other way.</p>"
        + grid(("", "x [deg]", "y [deg]", "z [deg]"), rows),
    )


def _drift(drift: Mapping[str, Mapping[str, float]] | None) -> str:
    if drift is None:
        return ""
    names = {
        "registration": "this registration",
        "zero motion": "no motion assumed",
        "mean motion": "mean motion of the sweep assumed",
    }
    rows = [
        (words, f"{drift['mean_error_deg'][name]:.3f}", f"{drift['drift_deg'][name]:.3f}")
        for name, words in names.items()
    ]
    return section(
        "Against the tracker",
        "<p>Error of the angle within the image between consecutive frames, and of their sum at the end. "
        f"The probe also tilted by {drift['mean_tilt_deg']:.2f} degrees and moved "
        f"{drift['mean_out_of_plane_mm']:.2f} mm out of the image per frame, which no single image shows. "
        "The mean motion is taken from the tracker.</p>"
        + grid(("", "mean error per frame [deg]", "error of the sum [deg]"), rows),
    )


def _refused(pairs: Sequence[Mapping[str, object]]) -> str:
    refused = [pair for pair in pairs if pair["refused"]]
    if not refused:
        return ""
    rows = [
        (
            f"{pair['frame']} to {pair['next_frame']}",
            f"{pair['confidence']:.2f}",
            f"{pair['correlation']:.2f}",
        )
        for pair in refused[:_MOST_ROWS]
    ]
    return section("Refused motions", grid(("frames", "confidence", "correlation"), rows))
