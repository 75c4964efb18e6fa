"""Pure rendering of an analysis: HTML, Markdown, JSON, JUnit and the live view."""
