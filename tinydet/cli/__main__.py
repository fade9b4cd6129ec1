# PYTHON_ARGCOMPLETE_OK
"""``python -m tinydet.cli``: the command line where the program ``tinydet`` is not on the path."""

import sys

from tinydet.cli import main

if __name__ == "__main__":
    sys.exit(main())
