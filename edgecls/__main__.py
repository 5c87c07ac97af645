"""`python -m edgecls`: the same as the command edgecls."""

from edgecls.cli import main

main(prog_name="edgecls")
