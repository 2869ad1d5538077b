"""The one error of the embedded servers."""


class EmbeddedError(Exception):
    """A server could not be started; the text is one line and says what to do."""
