"""Command line of the sample data: list, download, remove; synthetic cases."""

from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.console import run_to_exit_code, say
from DeepRegistrationLib.jobs.job import ExitCode, JobKind
from DeepRegistrationLib.progress import Report
from DeepRegistrationLib.sample_data import catalogue, data_folder, find_sample, is_installed

data_app = typer.Typer(
    help="Sample data and the atlas: list, download, remove; synthetic cases.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
SampleArgument = Annotated[str, typer.Argument(help="Name of the sample, as `data list` shows it.")]


@data_app.command("list")
def list_samples() -> None:
    """Show what can be downloaded, how large it is, under which licence, and what is here already."""
    for sample in catalogue().values():
        state = "installed" if is_installed(sample) else "not downloaded"
        say(f"{sample.name}: {sample.title} ({sample.size_bytes / 1e6:.1f} MB, {state})")
        say(f"    {sample.description}\n    Licence: {sample.licence}.\n    Source: {sample.source}")
        say(f"    Cite: {sample.citation}.")
    say(f"Folder: {data_folder()} (environment variable DEEPREGISTRATION_DATA)")


@data_app.command("download")
def download_sample(
    name: SampleArgument,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, only errors.")] = False,
) -> None:
    """Download a sample; every file is checked against its SHA-256."""

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.sample_download import download

        sample = find_sample(name)
        say(f"{sample.title}: {sample.size_bytes / 1e6:.1f} MB. Licence: {sample.licence}.")
        say(f"Now in {download(sample, keep_going)}")
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))


@data_app.command("remove")
def remove_sample(name: SampleArgument) -> None:
    """Delete the files of a sample from this machine."""

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.sample_download import remove

        freed_bytes = remove(find_sample(name))
        say(f"{freed_bytes / 1e6:.1f} MB freed in {data_folder()}")
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet=True))


@data_app.command("phantom")
def write_phantom(
    job: Annotated[JobKind, typer.Argument(help="The job that the case is for.")],
    output: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("phantom"),
    quiet: Annotated[bool, typer.Option("--quiet", help="Only errors.")] = False,
) -> None:
    """Write a small synthetic case of a job, and in truth.json what its registration has to find."""

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.data.phantom_cases import write_phantom_case

        write_phantom_case(job, output)
        if not quiet:
            say(f"The files are in '{output}': {', '.join(sorted(path.name for path in output.iterdir()))}.")
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))
