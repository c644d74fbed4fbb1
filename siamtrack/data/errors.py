"""The one error of data on disk."""


class DataError(ValueError):
    """Data on disk cannot be used; the message says which file, what is wrong with it, and what would be right."""
