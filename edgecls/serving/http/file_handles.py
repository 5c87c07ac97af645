"""How many files and connections this process may have open."""

__all__ = ["raise_handle_limit"]


def raise_handle_limit(wanted: int) -> int:
    """Let this process open `wanted` files and connections if its user may; return how many it may now."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # some systems have a lower limit than they tell
        return soft
    return allowed
