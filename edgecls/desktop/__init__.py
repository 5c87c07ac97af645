"""The desktop app: a window that classifies images, and in which people correct, sort and export the answers.

Without PySide6 are `entries`, `decisions`, `sorting`, `exporting`, `words` and `display`. Everything that takes long
runs in threads of its own (`recogniser`, `thumbnails`, `jobs`), and the window hears of it by Qt's signals.
"""
