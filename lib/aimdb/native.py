def ptr32(counts):
    """`counts` itself. In native code the name is a pointer and calls nothing; compiled without, the array will do.

    Cancel safety: it does not wait. IRQ safety: any context.
    """
    return counts
