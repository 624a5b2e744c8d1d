"""``python -m consentry.cli`` is the ``consentry`` command."""

from consentry.cli import main

main()
