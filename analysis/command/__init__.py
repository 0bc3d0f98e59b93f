"""The command ``whichway``: one file for each of its commands, options that they share in ``options``."""
