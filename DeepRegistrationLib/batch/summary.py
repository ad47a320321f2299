"""summary.csv and summary.html of a batch: one line and one thumbnail for each case, worst first."""

import base64
import csv
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from DeepRegistrationLib.batch.case import CaseOutcome, result_folder_of
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.report.html import first_picture
from DeepRegistrationLib.report.html_parts import table, whole_page
from DeepRegistrationLib.report.words import shown_confidence
from DeepRegistrationLib.results.folder import REPORT

TABLE, PAGE = "summary.csv", "summary.html"
_COLUMNS = (
    "case",
    "exit_code",
    "outcome",
    "trust",
    "confidence",
    "seconds",
    "finished_at",
    "message",
    "folder",
)
_WORDS = {
    ExitCode.DONE: "done",
    ExitCode.NOT_TRUSTED: "done, not to be trusted",
    ExitCode.FAILED: "failed",
    ExitCode.BAD_INPUT: "unusable input",
    ExitCode.CANCELLED: "cancelled",
}
_THUMBNAIL_PX = 340
_STYLE = """<style>
.cases { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem; padding: 0; }
.case { list-style: none; background: var(--card); border-radius: .6rem; padding: .8rem; overflow: hidden;
  border-top: .3rem solid var(--line); }
.case.high { border-color: var(--high); } .case.moderate { border-color: var(--moderate); }
.case.low, .case.failed { border-color: var(--low); }
.case h2 { margin: 0 0 .3rem; font-size: 1rem; overflow-wrap: anywhere; }
.case p { font-size: .85rem; }
</style>"""


def write_summary(outcomes: Sequence[CaseOutcome], folder: Path) -> Path:
    """Writes the table and the page.

    Args:
        outcomes: of the cases, in the order of the batch's table.
        folder: of the batch.

    Returns:
        Path of the page.
    """
    with (folder / TABLE).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, _COLUMNS)
        writer.writeheader()
        writer.writerows(map(_row, outcomes))
    page = folder / PAGE
    page.write_text(_page(outcomes, folder), encoding="utf-8")
    return page


def in_words(outcomes: Sequence[CaseOutcome]) -> str:
    """How many cases ended how, and how many need a look: one sentence."""
    counts = _counts(outcomes)
    parts = ", ".join(f"{count} {word}" for word, count in counts.items())
    look = len(_to_look_at(outcomes))
    return (
        f"{len(outcomes)} cases: {parts or 'none'}. {look or 'None'} of them need{'s' * (look == 1)} a look."
    )


def _row(outcome: CaseOutcome) -> dict[str, object]:
    return {
        "case": outcome.name,
        "exit_code": int(outcome.exit_code),
        "outcome": _WORDS[outcome.exit_code],
        "trust": outcome.trust,
        "confidence": f"{outcome.confidence:.4f}" if outcome.is_done else "",
        "seconds": f"{outcome.seconds:.2f}",
        "finished_at": outcome.finished_at,
        "message": outcome.message,
        "folder": outcome.name if outcome.is_done else "",
    }


def _counts(outcomes: Sequence[CaseOutcome]) -> dict[str, int]:
    found: dict[str, int] = {}
    for outcome in outcomes:
        word = f"{outcome.trust} confidence" if outcome.is_done else _WORDS[outcome.exit_code]
        found[word] = found.get(word, 0) + 1
    return found


def _to_look_at(outcomes: Sequence[CaseOutcome]) -> list[CaseOutcome]:
    return [outcome for outcome in outcomes if outcome.exit_code != ExitCode.DONE or outcome.trust != "high"]


def _page(outcomes: Sequence[CaseOutcome], folder: Path) -> str:
    # what failed comes first, then what may be wrong
    worst_first = sorted(outcomes, key=lambda outcome: (outcome.is_done, outcome.confidence, outcome.name))
    body = [
        _STYLE,
        "<header><p class=product>DeepRegistration</p><h1>Batch</h1></header>",
        f"<p>{escape(in_words(outcomes))} Those that need a look stand first.</p>",
        table(_counts(outcomes)),
        "<ul class=cases>" + "".join(_card(outcome, folder) for outcome in worst_first) + "</ul>",
        "<footer>Research software, not a medical device: not for diagnosis or treatment.</footer>",
    ]
    return whole_page("Batch", body)


def _card(outcome: CaseOutcome, folder: Path) -> str:
    kind = outcome.trust if outcome.is_done else "failed"
    number = f" <span class=number>{shown_confidence(outcome.confidence)}</span>" if outcome.is_done else ""
    report = result_folder_of(folder, outcome.name) / REPORT
    picture, link = "", ""
    if outcome.is_done and report.is_file():
        address = f"{quote(outcome.name)}/{REPORT}"
        png = first_picture(report.read_text(encoding="utf-8"))
        if png is not None:
            picture = f'<a href="{address}"><img alt="{escape(outcome.name)}" src="{_thumbnail(png)}"></a>'
        link = f'<p><a href="{address}">Report</a></p>'
    return (
        f"<li class='case {kind}'><h2>{escape(outcome.name)}{number}</h2>{picture}"
        f"<p>{escape(outcome.message)}</p>{link}</li>"
    )


def _thumbnail(png: bytes) -> str:
    """A small picture inside the page: hundreds of them stay some megabytes."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
    out = io.BytesIO()
    image.save(out, format="jpeg", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")
