"""`python -m meridian`."""

from meridian.cli.main import main

main()
