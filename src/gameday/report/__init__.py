"""Pure rendering of an analysis: HTML, Markdown, JSON and the live view."""
