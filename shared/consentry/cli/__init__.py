"""The ``consentry`` command.

Exit codes:
    0    done, and where a question was asked, the answer is yes
    1    done, and the answer is no: not the same person, a broken chain, a file that failed
    2    the command line itself is wrong
    3    refused: the key is not known, or no approval covers it
    4    the input cannot be used
    5    something this needs is missing or does not answer: settings, layer, stack, storage
    70   a bug in Consentry
    130  stopped by Ctrl-C

With ``--json`` every command prints exactly one JSON document on standard output, an error
included; progress and warnings go to standard error.
"""

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from consentry.cli.app import run

    sys.exit(run(sys.argv[1:]))
