"""What a user can get wrong, said in one line. The command turns it into exit status 2 without a traceback."""


class UserError(ValueError):
    """Names what was wrong and what would be right."""
