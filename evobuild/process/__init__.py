"""How commands and stages run: terminal, progress, journal, errors. Nothing here writes an out."""
