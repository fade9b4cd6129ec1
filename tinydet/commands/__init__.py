"""One typed function per command, the same for Python and the command line.

Each file holds one command: what it takes (``COMMAND``, see ``options``), its result, and its
function, which has the same parameters. Values go in, a frozen dataclass comes out; the command
line parses, calls and prints. Nothing heavy is imported before a function is called.
"""
