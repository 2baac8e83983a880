"""The checker of annotations in tests: shapes and types of arguments and results, whole numbers where floats are."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
