"""MicroPython test files become pytest items by the plugin in tools/."""

pytest_plugins = ["pytest_micropython.plugin"]
