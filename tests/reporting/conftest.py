"""Lets these tests import `fake_run`, which lies beside them, in any import mode."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
