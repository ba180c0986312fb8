"""``openclaw-locust report PREFIX``: the report of a run from the files that it left."""

from __future__ import annotations

import argparse
import sys

from openclaw_locust.failures import printable

HELP = "report on a run from Locust's CSV files: percentiles, errors, verdict"

UNUSABLE = 2
"""The exit code when there is nothing to report on, or nowhere to print it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this sub-command."""
    parser.add_argument(
        "prefix",
        help="what --csv named, e.g. reports/run; one of its files, reports/run_stats.csv, is "
        "taken too",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else on stdout"
    )
    parser.add_argument(
        "--no-write", action="store_true", help="do not write PREFIX_report.md beside the files"
    )
    parser.epilog = (
        "Exit code: 0 every limit holds, 99 a limit is crossed, 98 the run is incomplete or "
        "invalid, 1 it failed or nothing was measured, 2 nothing to report on."
    )


def run(args: argparse.Namespace) -> int:
    """Print the report, write its Markdown, and return the verdict's exit code."""
    # pandas and rich take half a second, which the other sub-commands need not pay
    from openclaw_locust.report.build import ReportError, load  # noqa: PLC0415
    from openclaw_locust.report.json_output import to_json  # noqa: PLC0415
    from openclaw_locust.report.markdown import write_markdown  # noqa: PLC0415
    from openclaw_locust.report.terminal import print_report, write_out  # noqa: PLC0415

    try:
        report = load(args.prefix)
    except ReportError as error:
        return _refuse(str(error))
    if not args.no_write:
        try:
            write_markdown(report, report.source)
        except OSError as error:
            where = f"{report.source}_report.md"
            _complain(f"{where} cannot be written ({error.strerror or error}); see --no-write")
    try:
        if args.json:
            for problem in report.problems:
                _complain(problem)
            write_out(to_json(report), sys.stdout)
        else:
            print_report(report)
    except OSError as error:
        return _refuse(f"cannot write to the standard output ({error.strerror or error})")
    return report.verdict.exit_code


def _refuse(message: str) -> int:
    _complain(message)
    return UNUSABLE


def _complain(message: str) -> None:
    print(f"openclaw-locust report: {printable(message, 1000)}", file=sys.stderr)
