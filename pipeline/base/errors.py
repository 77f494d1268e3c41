"""The one exception that a user is meant to see."""


class UserError(Exception):
    """Bad input or environment. The message is one line: what is wrong, where, and what to do."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))
