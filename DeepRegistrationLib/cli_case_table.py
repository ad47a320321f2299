"""The table of a batch: a CSV file, one case a row, whose columns are the options of the job's command."""

import csv
import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from DeepRegistrationLib.batch.case import BatchCase, result_folder_of
from DeepRegistrationLib.cli_jobs import JobOption, job_of_words, job_options
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.job import JobKind

CASE, WORKFLOW = "case", "workflow"
_SEPARATOR = ";"
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")
_NAME = re.compile(r"[\w][\w .+=@-]*")


def read_case_table(
    path: Path, folder: Path, workflow: JobKind | None = None, common: Sequence[str] = ()
) -> list[BatchCase]:
    """Reads the cases of a batch.

    Columns are options without the dashes ("moving", "gestational-age"; underscores will do) and "case", the
    name of the result's folder. An empty cell leaves the option out; several values stand in one cell with
    semicolons between them; options without a value take yes or no. Paths are relative to the table.

    Args:
        path: CSV file with a header.
        folder: of the batch.
        workflow: which registration; None: the column "workflow" tells it.
        common: options for every case, as on the command line; cells of the table come after them and win.

    Returns:
        The cases, in the order of the rows.

    Raises:
        InputError: the table cannot be read, a column is no option, or a row describes no job.
    """
    rows = _rows(path)
    columns = list(rows[0])
    cases: dict[str, BatchCase] = {}
    for number, row in enumerate(rows, start=2):
        where = f"Row {number} of '{path.name}'"
        name = (row.get(CASE) or "").strip() or f"case{number - 1:04d}"
        _check_name(name, where)
        if name in cases:
            raise InputError(f"{where} has the name '{name}', as another row has. Give every case its own.")
        kind = _kind(row, workflow, where)
        options = _options(kind, columns, path)
        try:
            words = [*common, *_words(row, options, path.parent)]
            job = job_of_words(kind, words)
        except InputError as err:
            raise InputError(f"{where} ('{name}'): {err}") from err
        job = dataclasses.replace(job, output_folder=result_folder_of(folder, name))
        cases[name] = BatchCase(name, job)
    return list(cases.values())


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            text = stream.read()
    except FileNotFoundError as err:
        raise InputError(f"The table '{path}' does not exist. Check the path.") from err
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"The table '{path}' cannot be read ({err}). Save it as CSV in UTF-8.") from err
    # spreadsheets of some languages write semicolons between cells
    first = text.partition("\n")[0]
    delimiter = max((",", ";", "\t"), key=first.count)
    rows = list(csv.DictReader(text.splitlines(), delimiter=delimiter))
    for number, row in enumerate(rows, start=2):
        if None in row:
            raise InputError(
                f"Row {number} of '{path.name}' has more cells than the header. Put quotation marks around "
                "values with commas."
            )
    rows = [row for row in rows if any((value or "").strip() for value in row.values())]
    if not rows:
        raise InputError(f"The table '{path}' holds no case. Give it a header and a row for each case.")
    return rows


def _check_name(name: str, where: str) -> None:
    if not _NAME.fullmatch(name) or name.startswith("summary."):
        raise InputError(
            f"{where} has the name '{name}', which cannot name a folder. Take letters, digits, "
            "spaces, - or _."
        )


def _kind(row: Mapping[str, str], workflow: JobKind | None, where: str) -> JobKind:
    text = (row.get(WORKFLOW) or "").strip()
    if text:
        if text not in list(JobKind):
            raise InputError(f"{where} asks for the workflow '{text}'; there are: {', '.join(JobKind)}.")
        return JobKind(text)
    if workflow is None:
        raise InputError(
            f"{where} does not tell the workflow. Give it to all rows (--workflow), or a column "
            f"'{WORKFLOW}'; there are: {', '.join(JobKind)}."
        )
    return workflow


def _options(kind: JobKind, columns: Sequence[str], path: Path) -> dict[str, JobOption]:
    """Column -> option."""
    known = {name: option for name, option in job_options(kind).items() if name != "output"}
    found = {}
    for column in columns:
        if column is None or column.strip() in (CASE, WORKFLOW):
            continue
        option = known.get(column.strip().replace("_", "-"))
        if option is None:
            raise InputError(
                f"The table '{path.name}' has a column '{column}', which is no option of '{kind}'. "
                f"There are: {CASE}, {', '.join(known)}."
            )
        found[column] = option
    return found


def _words(row: Mapping[str, str], options: Mapping[str, JobOption], base: Path) -> list[str]:
    words: list[str] = []
    for column, option in options.items():
        text = (row.get(column) or "").strip()
        if not text:
            continue
        if option.values == 0:
            words += _flag(option, text)
            continue
        several = option.is_repeated or option.values > 1
        values = [value.strip() for value in text.split(_SEPARATOR)] if several else [text]
        if option.is_path:
            values = [str(base / value) for value in values]
        if option.is_repeated:
            words += [word for value in values for word in (f"--{option.name}", value)]
        else:
            words += [f"--{option.name}", *values]
    return words


def _flag(option: JobOption, text: str) -> list[str]:
    if text.lower() in _YES:
        return [f"--{option.name}"]
    if text.lower() not in _NO:
        raise InputError(f"'{text}' in the column '{option.name}' is neither yes nor no.")
    return [f"--{option.opposite}"] if option.opposite else []
