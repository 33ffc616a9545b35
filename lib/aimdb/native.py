def ptr32(counts):
    # In native code this is a pointer, and calls nothing. Where that code is compiled without, an array will do.
    return counts
