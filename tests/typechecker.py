"""The checker that enforces annotations in tests: beartype, which here accepts an int where a float is wanted."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
