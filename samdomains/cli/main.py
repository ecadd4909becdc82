"""The command `samdomains`: finds a command's module by its name and turns errors into one line."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from samdomains.errors import SamDomainsError, did_you_mean
from samdomains.processes import is_main_process
from samdomains.run_directory import DISK_FULL

COMMANDS: Mapping[str, str] = {
    "run": "Tune SAM on a folder of labelled images, test it and report.",
    "evaluate": "Score a model on labelled data.",
    "segment": "Segment new images where boxes and points say.",
    "bench": "Compare models and strategies on a domain's data sets.",
    "check": "List what is wrong with a data set.",
    "convert": "Write a data set as PNG masks or as COCO JSON.",
    "domains": "List the installed domains.",
    "explain": "Show who answers each hook of a domain.",
    "recipe": "Print the resolved recipe of a domain, each value with its origin.",
    "new": "Write a plugin for a new domain.",
    "doctor": "Show versions, device, checkpoints and domains.",
    "pretrain": "Make the shipped tiny model from generated scenes.",
}
"""Command → its line in the overview. ``samdomains/cli/NAME.py`` defines it as ``command`` and is
imported only when it runs (or its own help is shown)."""

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells have it."""


DEBUG = "debug"
"""Name of the option, and of the flag in click's context that it sets."""


def _debug_option() -> click.Option:
    """`--debug`, which is understood before the command and after it."""
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        callback=_remember_debug,
        help="Show the traceback of an error.",
    )


def _remember_debug(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        context.meta[DEBUG] = True  # shared by the contexts of the group and of the command


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Every command, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command's module and give its ``command``."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"samdomains.cli.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"samdomains.cli.{cmd_name}.command is no click command")
        if all(parameter.name != DEBUG for parameter in command.params):
            command.params.append(_debug_option())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which ones there are."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            hint = did_you_mean(name, COMMANDS)
            ctx.fail(f"No such command '{name}'.{hint} Commands: {', '.join(COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the overview from the table alone, importing nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error that the user can mend becomes one line and an exit code."""
        try:
            return super().invoke(ctx)
        except (SamDomainsError, OSError) as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # the reader of our output went away (`| head`); click ends quietly
            if ctx.meta.get(DEBUG):
                traceback.print_exception(error)
            if not getattr(error, "told_elsewhere", False):
                click.echo(f"error: {one_line(error)}", err=True)
            ctx.exit(error.exit_code if isinstance(error, SamDomainsError) else 1)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)


def one_line(error: SamDomainsError | OSError) -> str:
    """What happened and what to do, on one line."""
    if isinstance(error, SamDomainsError):
        return " ".join(str(error).split("\n"))
    where = f"{error.filename}: " if error.filename is not None else ""
    if error.errno in DISK_FULL:
        return (
            f"{where}the disk is full. Free some space, or choose another place, and run it again"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"{where}{error.strerror}. Choose another place, or ask for the right to use this one"
        )
    if error.errno == errno.ENOTDIR:
        return f"{where}a part of this path is a file and no folder. Choose another place"
    if error.errno == errno.ENOENT:
        return f"{where}there is no such file. Check its name and folder"
    return f"{where}{error.strerror or error}"


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: samdomains recipe microscopy --set training.epochs=5",
)
@click.version_option(package_name="samdomains", message="samdomains %(version)s")
def cli() -> None:
    """Fine-tune, score and use Segment Anything on one kind of image."""


cli.params.append(_debug_option())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and exit: 0 done, 1 failed, 2 wrongly called, 130 interrupted.

    Args:
        arguments: The words after `samdomains`; None takes them from ``sys.argv``.
    """
    if not is_main_process():
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 (until the process ends)
    cli.main(args=None if arguments is None else list(arguments), prog_name="samdomains")


if __name__ == "__main__":
    main(sys.argv[1:])
