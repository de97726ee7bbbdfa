"""The command ``ifimeasure``: a file a command, each thin."""

from .main import main as main
