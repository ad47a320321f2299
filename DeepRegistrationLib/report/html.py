"""report.html: one file with everything inside, for a person who was not there when the job ran."""

import base64
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from DeepRegistrationLib.report.html_parts import section, table, whole_page
from DeepRegistrationLib.report.picture import LABELS, Picture
from DeepRegistrationLib.report.words import shown_confidence
from DeepRegistrationLib.workflows.result import Segment, Trust

_PNG = "data:image/png;base64,"
_ADVICE = {
    Trust.HIGH: ("High confidence", "Look at the pictures, then use it."),
    Trust.MODERATE: ("Moderate confidence", "Check the pictures with care before using it."),
    Trust.LOW: ("Low confidence", "Do not use this result. It was kept so that you can see what went wrong."),
}


def html_report(
    content: Mapping[str, object],
    pictures: Sequence[Picture],
    segments: Sequence[Segment] = (),
    title: str = "Registration",
    sections: Sequence[str] = (),
) -> str:
    """Builds the page.

    Args:
        content: of result.json, from `results.json_result.describe`.
        pictures: in reading order; none if they could not be drawn.
        segments: names and colours of the labels.
        title: heading of the page.
        sections: what only this kind of job has, as HTML of `html_parts`.

    Returns:
        HTML without any link to other files.
    """
    body = [
        f"<header><p class=product>DeepRegistration</p><h1>{escape(title)}</h1></header>",
        _confidence(content),
        _warnings(content["warnings"]),
        *(_picture(picture) + (_legend(segments) if picture.name == LABELS else "") for picture in pictures),
        "" if pictures else "<p>No pictures: matplotlib is not installed where this job ran.</p>",
        section("What was done", table(_done(content))),
        *sections,
        *(_transform(name, entry) for name, entry in content["transforms"].items()),
        section("Similarity", table(content["similarity"])),
        section("Evidence behind the confidence", table(content["confidence_evidence"])),
        section("Time", table(_seconds(content["seconds"]))),
        section("Files used", _files(content["inputs"], content["models"])),
        section("Versions", table(content["versions"])),
        "<footer>Research software, not a medical device: not for diagnosis or treatment.</footer>",
    ]
    return whole_page(title, body)


def first_picture(report: str) -> bytes | None:
    """The first picture of a report, as a PNG file; None if it has none.

    Args:
        report: HTML of `html_report`.
    """
    _, found, rest = report.partition(_PNG)
    return base64.b64decode(rest.partition('"')[0]) if found else None


def _confidence(content: Mapping[str, object]) -> str:
    trust = Trust(content["trust"])
    heading, advice = _ADVICE[trust]
    value = content["confidence"]
    number = f" <span class=number>{shown_confidence(value)} of 1</span>" if value is not None else ""
    return (
        f'<section class="confidence {trust}"><h2>{heading}{number}</h2>'
        f"<p>{escape(str(content['confidence_reason']))}</p><p class=advice>{advice}</p></section>"
    )


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    return f"<section class=warnings><h2>Please note</h2><ul>{items}</ul></section>"


def _picture(picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode("ascii")
    return (
        f"<figure><h2>{escape(picture.title)}</h2>"
        f'<img alt="{escape(picture.title)}" src="{_PNG}{data}">'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )


def _legend(segments: Sequence[Segment]) -> str:
    if not segments:
        return ""
    items = "".join(
        f'<li><i style="background:rgb({",".join(str(round(255 * c)) for c in segment.colour)})"></i>'
        f"{escape(segment.name)}</li>"
        for segment in segments
    )
    return f"<details><summary>{len(segments)} labels</summary><ul class=legend>{items}</ul></details>"


def _done(content: Mapping[str, object]) -> dict[str, object]:
    return {"method": content["method"], "computed on": content["device"], **content["settings"]}


def _transform(name: str, entry: Mapping[str, object]) -> str:
    matrix = np.array(entry["matrix"])
    rows = "".join("<tr>" + "".join(f"<td>{value:.6f}</td>" for value in row) + "</tr>" for row in matrix)
    return section(
        f"Transform {name}",
        f"<p>Maps points of {escape(str(entry['from']))} to {escape(str(entry['to']))}, in mm. "
        f"{_motion(matrix)}.</p>"
        f"<div class=wide><table class=matrix>{rows}</table></div>",
    )


def _motion(matrix: np.ndarray) -> str:
    """What a linear map does, in words."""
    scale = np.cbrt(np.linalg.det(matrix[:3, :3]))
    if scale < 0:
        return "It holds a mirroring, because the radiograph is shown as seen from the detector"
    cosine = np.clip((np.trace(matrix[:3, :3]) / scale - 1) / 2, -1, 1)
    scaled = f", scaled by {scale:.3f}" if abs(scale - 1) > 1e-4 else ""
    return f"Turned by {np.degrees(np.arccos(cosine)):.1f} degrees{scaled}"


def _seconds(seconds: Mapping[str, float]) -> dict[str, str]:
    shown = {stage: f"{value:.2f} s" for stage, value in seconds.items()}
    return {**shown, "together": f"{sum(seconds.values()):.2f} s"}


def _files(inputs: Mapping[str, Mapping[str, str]], models: Mapping[str, Mapping[str, object]]) -> str:
    named = [(role, entry["file"], entry["sha256"]) for role, entry in inputs.items()]
    named += [(name, f"model, version {entry['version']}", entry["sha256"]) for name, entry in models.items()]
    rows = "".join(
        f"<tr><th>{escape(role)}</th><td>{escape(file)}</td><td class=sum>{escape(checksum)}</td></tr>"
        for role, file, checksum in named
    )
    return f"<div class=wide><table>{rows}</table></div><p class=faint>Third column: SHA-256 of the file.</p>"
