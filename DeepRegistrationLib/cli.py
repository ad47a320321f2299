"""The program `deepregistration`: every job, the samples, the studies. Starts without torch.

Exit codes: 0 done, 1 failed, 2 bad input or usage, 3 cancelled, 4 done but not to be trusted.
"""

from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.cli_batch import batch
from DeepRegistrationLib.cli_data import data_app
from DeepRegistrationLib.cli_jobs import JOB_COMMANDS
from DeepRegistrationLib.cli_models import models_app
from DeepRegistrationLib.cli_options import DeviceOption, QuietOption
from DeepRegistrationLib.cli_population import femora_from_ct, population, shape_model
from DeepRegistrationLib.cli_studies import benchmark_app, evaluate_app
from DeepRegistrationLib.cli_train import train
from DeepRegistrationLib.cli_view import view
from DeepRegistrationLib.cli_xray_images import drr, simulate_xray
from DeepRegistrationLib.console import run_to_exit_code, say
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.progress import Report
from DeepRegistrationLib.threads import share_the_processor
from DeepRegistrationLib.versions import versions

_HELP = """Image registration for 3D Slicer, from the terminal.

World coordinates are patient RAS in millimetres. transform.tfm is for ITK: fixed to moving, LPS.

Exit codes: 0 done, 1 failed, 2 bad input or usage, 3 cancelled (Ctrl-C), 4 done but not to be trusted.
"""

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(benchmark_app, name="benchmark")
app.command("train")(train)
app.command("drr")(drr)
app.command("simulate-xray")(simulate_xray)
app.command("batch")(batch)
app.command("view")(view)
app.command("population")(population)
app.command("femora-from-ct")(femora_from_ct)
app.command("shape-model")(shape_model)
for _kind, _command in JOB_COMMANDS.items():
    app.command(str(_kind))(_command)


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Folder for the result.")] = Path("deepregistration-demo"),
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with sample data; left out, it is looked for, downloaded, or a phantom made."
        ),
    ] = None,
    device: DeviceOption = Device.AUTO,
    quiet: QuietOption = False,
) -> None:
    """Register a sample brain that lies in an arbitrary orientation, and show what comes out."""

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.demo import run_demo

        outcome = run_demo(output, data, device, keep_going)
        say("\n".join(outcome.lines))
        return int(outcome.exit_code)

    raise typer.Exit(run_to_exit_code(work, quiet))


@app.command()
def version() -> None:
    """Print versions of the program and of what it computes with."""
    say("\n".join(f"{package} {number}" for package, number in versions().items()))


def main() -> None:
    """Entry point of the program."""
    share_the_processor()
    app()


if __name__ == "__main__":
    main()
