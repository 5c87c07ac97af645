"""The commands, one a file: options, progress and exit code; the work is a call into the package.

Heavy packages are imported inside the command functions, so that help and completion stay fast.
"""
