"""Pieces of a report's page: the page itself, sections and tables."""

from collections.abc import Mapping, Sequence
from html import escape

from DeepRegistrationLib.report.page_style import STYLE


def whole_page(title: str, body: Sequence[str]) -> str:
    """A page without any link to other files.

    Args:
        title: of the window, plain text.
        body: HTML of its parts, in reading order; empty ones are left out.
    """
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(filter(None, body))
        + "\n</main></body></html>\n"
    )


def section(title: str, inside: str) -> str:
    """A headed part of the page; nothing if nothing is inside.

    Args:
        title: heading, plain text.
        inside: HTML.
    """
    return f"<section><h2>{escape(title)}</h2>{inside}</section>" if inside else ""


def table(entries: Mapping[str, object]) -> str:
    """Names and values in two columns; plain texts, numbers, lists.

    Args:
        entries: name -> value; underlines in a name become spaces.
    """
    rows = "".join(
        f"<tr><th>{escape(name.replace('_', ' '))}</th><td>{escape(_text(value))}</td></tr>"
        for name, value in entries.items()
    )
    return f"<table>{rows}</table>" if rows else ""


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with a heading over each column; the first column names the row.

    Args:
        header: plain texts.
        rows: plain texts, as many in each as in the header.
    """
    head = "".join(f"<th>{escape(text)}</th>" for text in header)
    body = "".join(
        f"<tr><th>{escape(first)}</th>" + "".join(f"<td>{escape(text)}</td>" for text in others) + "</tr>"
        for first, *others in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _text(value: object) -> str:
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(_text(item) for item in value) if isinstance(value, list) else str(value)
