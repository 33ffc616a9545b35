"""Says what a status of the WiFi means. Loaded when a network is not joined, and not kept."""


def named(status) -> str:
    """The status and its name in the module `network`, as in "-3, STAT_WRONG_PASSWORD"."""
    try:
        import network
    except ImportError:  # The interface is one of a test.
        return repr(status)
    names = [name for name in dir(network) if name.startswith("STAT_") and getattr(network, name) == status]
    return ", ".join([repr(status)] + names)
