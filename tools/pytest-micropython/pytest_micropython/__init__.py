"""A pytest plugin that runs MicroPython test files: on the unix port, an emulated RP2040, or a board."""
