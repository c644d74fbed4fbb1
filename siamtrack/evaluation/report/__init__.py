"""Scores as rows, tables and plots; each module imports what it draws with only when asked to draw."""
