"""Failures are logged on change only: once when they begin or change their nature, once when they end."""

import logging


class Notice:
    """The state of one thing that can fail, and the log it is said in."""

    def __init__(self, logger: logging.Logger, what: str) -> None:
        self._logger = logger
        self._what = what
        self._state = ""
        self._failures = 0

    @property
    def failing(self) -> bool:
        """Whether the last word was a failure."""
        return bool(self._state)

    def failed(self, error: Exception, *, nature: str) -> None:
        """Says a failure, unless the last one was of the same nature."""
        self._failures += 1
        if nature != self._state:
            self._state = nature
            self._failures = 1
            self._logger.warning("%s: %s", self._what, error)

    def well(self) -> None:
        """Says that it works again, if it did not."""
        if self._state:
            self._logger.info("%s: works again after %d failures (%s)", self._what, self._failures, self._state)
        self._state = ""
        self._failures = 0
