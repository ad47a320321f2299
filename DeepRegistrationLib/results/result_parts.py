"""What a kind of job adds to the result folder; everything else is written once, for all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from DeepRegistrationLib.atlases.label_names import Segment
from DeepRegistrationLib.report.picture import Picture

WriteFile = Callable[[Path], None]
"""Writes one file at a path."""


@dataclass(frozen=True, eq=False)
class ResultParts:
    """The files and the pages of a report that only one kind of job has.

    Attributes:
        title: heading of the report.
        files: file name -> what writes it; they are written on another thread while the pictures are drawn.
        draw: keep_going -> pictures of the report in reading order; `keep_going` may raise to stop. Called
            only where matplotlib is installed.
        entries: more entries of result.json.
        sections: content of result.json -> more sections of the report, as HTML of `report.html_parts`.
        segments: labels with colours, for the legend of the picture of labels.
    """

    title: str
    files: Mapping[str, WriteFile] = field(default_factory=dict)
    draw: Callable[[Callable[[], object]], list[Picture]] = lambda keep_going: []
    entries: Mapping[str, object] = field(default_factory=dict)
    sections: Callable[[Mapping[str, object]], list[str]] = lambda content: []
    segments: tuple[Segment, ...] = ()
