"""Fuzzing: every part of edgecls that reads what somebody else wrote, fed with damaged and hostile input.

`targets/` holds one function for each such part, which says what may come out of it: a value that makes sense, or an
error of edgecls's own. `damage` damages valid examples, as bytes and by their structure. pytest feeds a few dozen
inputs to each target, always the same ones, and all that once were answered wrongly, which are kept in `kept/`.
`make fuzz` goes on for minutes, with other inputs every time:

    make fuzz SECONDS=60                                   each target for a minute
    python tests/fuzz/run.py --seconds 600 http_server     one target
    python tests/fuzz/run.py --replay .fuzz/faults/...     an input that was answered wrongly, again
"""
