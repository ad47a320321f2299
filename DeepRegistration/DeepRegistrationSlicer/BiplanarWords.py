"""What a result of a bent atlas says in numbers: how far outlines are apart, how sure the place is."""

from slicer.i18n import tr as _


def outlineLines(content: dict) -> list[str]:
    """Lines for the panel; none for other results.

    Args:
        content: of result.json.
    """
    uncertainty = content.get("uncertainty_mm")
    if uncertainty is None:
        return []
    lines = []
    for view in content["views"]:
        if view["outline_distance_mm"] is None:
            text = _("{name}: no mask, so the outline could not be checked.").format(name=view["name"])
        else:
            text = _("{name}: outline {distance:.1f} mm from that of the mask, at the bone.").format(
                name=view["name"], distance=view["outline_distance_mm"]
            )
        lines.append(text)
    lines.append(
        _(
            "The place of the surface is known to {least:.1f} mm where it is seen best, to {most:.1f} mm "
            "where it is seen least (standard deviation; white to red in 3D)."
        ).format(least=uncertainty["smallest"], most=uncertainty["largest"])
    )
    return lines
