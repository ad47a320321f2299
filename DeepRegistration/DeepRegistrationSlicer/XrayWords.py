"""What a result of radiographs says in numbers: how far edges are apart, how sure depth is."""

from slicer.i18n import tr as _


def residualLines(content: dict) -> list[str]:
    """Lines for the panel; none for results without radiographs.

    Args:
        content: of result.json.
    """
    lines = []
    for view in content.get("views", []):
        if view.get("residual_mm") is None:
            continue
        line = _("{name}: edges {after:.1f} mm apart on the detector").format(
            name=view["name"], after=view["residual_mm"]
        )
        if view.get("residual_start_mm") is not None:
            line += _(" ({before:.1f} mm at the start)").format(before=view["residual_start_mm"])
        lines.append(line + ".")
    uncertainty = content.get("uncertainty")
    if uncertainty is not None and uncertainty.get("in_depth_mm") is not None:
        lines.append(
            _("Depth is known to {depth:.2g} mm (standard deviation), the rest to {place:.2g} mm.").format(
                depth=uncertainty["in_depth_mm"],
                place=max(uncertainty["along_columns_mm"], uncertainty["along_rows_mm"]),
            )
        )
    return lines
