"""``python -m IFIMeasureLib.cli``."""

import sys

from .main import main

sys.exit(main())
