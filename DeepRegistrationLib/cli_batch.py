"""`deepregistration batch`."""

from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.cli_case_table import read_case_table
from DeepRegistrationLib.cli_options import QuietOption
from DeepRegistrationLib.console import run_to_exit_code, say
from DeepRegistrationLib.jobs.job import JobKind
from DeepRegistrationLib.progress import Report


def batch(
    table: Annotated[
        Path,
        typer.Argument(
            help="CSV: one case a row. Columns: case (name of its folder) and options of the workflow's "
            "command without dashes, such as moving, mask, gestational-age. Paths are relative to the table."
        ),
    ],
    options: Annotated[
        list[str] | None,
        typer.Argument(
            help="After '--': options of the workflow's command for every case, such as -- --method auto; "
            "cells of the table win."
        ),
    ] = None,
    workflow: Annotated[
        JobKind | None, typer.Option(help="Which registration; left out, the column 'workflow' tells.")
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            help="Folder for one result folder per case, summary.csv and summary.html. Cases that are "
            "finished there and have not changed are skipped."
        ),
    ] = Path("deepregistration-batch"),
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="'local' runs cases in several processes of this machine, an address such as "
            "tcp://host:8786 on that dask cluster (extra 'cohort'). Left out: one case after the other."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes for --scheduler local; left out: one for two processors.", min=1),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Register many cases; continue where it was stopped.

    Exit codes: 0 all done; 4 all done, some not to be trusted; 1 some have no result; 2 the table cannot be
    used; 3 cancelled (finished cases are kept).
    """

    def work(keep_going: Report) -> int:
        cases = read_case_table(table, output, workflow, options or ())
        from DeepRegistrationLib.batch.outcomes import remove_leftovers
        from DeepRegistrationLib.batch.run import exit_code_of, run_in_turn  # imports torch
        from DeepRegistrationLib.batch.summary import in_words, write_summary

        run = run_in_turn
        if scheduler is not None:
            run = _on_cluster(scheduler, workers)
        output.mkdir(parents=True, exist_ok=True)
        outcomes = run(cases, output, keep_going)
        remove_leftovers(output, [case.name for case in cases])
        page = write_summary(outcomes, output)
        say(f"{in_words(outcomes)}\nSummary: {page}")
        return exit_code_of(outcomes)

    raise typer.Exit(run_to_exit_code(work, quiet))


def _on_cluster(scheduler: str, workers: int | None) -> object:
    try:
        from DeepRegistrationLib.batch.cluster import on_cluster
    except ModuleNotFoundError as err:
        from DeepRegistrationLib.errors import RegistrationError

        raise RegistrationError(
            f"Running cases on a cluster needs the package '{err.name}', which is not installed. Install "
            "the extra 'cohort', or leave --scheduler out."
        ) from err
    return on_cluster(scheduler, workers)
