"""How many of what, in words: one pair, two pairs."""


def counted(number: int, thing: str, things: str = "") -> str:
    """ "1 pair", "2 pairs".

    Args:
        things: the plural, where it is not formed with an s.
    """
    return f"{number} {thing}" if number == 1 else f"{number} {things or thing + 's'}"
