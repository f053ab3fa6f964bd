"""What is read in a text: words, language, code and figures, phrases of assistants, JSON in a reply."""
