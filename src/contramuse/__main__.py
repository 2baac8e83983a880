"""``python -m contramuse`` is the ``contramuse`` command."""

from contramuse.cli import main

main()
