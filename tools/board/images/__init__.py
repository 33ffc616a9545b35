"""Images of a board's whole flash: official firmware and a filesystem with library and application in one file."""
