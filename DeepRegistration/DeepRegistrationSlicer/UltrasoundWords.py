"""What a result of ultrasound frames says in numbers."""

from slicer.i18n import tr as _


def angleLines(content: dict) -> list[str]:
    """Lines for the panel; none for other results.

    Args:
        content: of result.json.
    """
    angles = content.get("angles_deg")
    if angles is None:
        return []
    lines = [
        _(
            "Turned against frame {middle}: the frame before by {before:+.2f}, the frame after by "
            "{after:+.2f} degrees (clockwise is positive)."
        ).format(middle=content["middle_frame"], before=angles["before"][2], after=angles["after"][2])
    ]
    drift = content.get("drift")
    if drift is not None:
        lines.append(
            _("Against the tracker: {error:.2f} degrees per frame, {drift:.2f} degrees at the end.").format(
                error=drift["mean_error_deg"]["registration"], drift=drift["drift_deg"]["registration"]
            )
        )
    return lines
