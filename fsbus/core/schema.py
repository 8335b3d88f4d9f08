"""A JSON schema under `expect`: whether it is one, and whether data fits it.

A schema is a stranger's text: it makes this host fetch nothing, and whatever it breaks is its fault. jsonschema is
imported (0.2 s) where there is a schema, and nowhere else.
"""
from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

MOST = 500  # braces; a look at each pair takes up to 2 ms, in which the node that reads it does nothing else


def flaw(schema: dict[str, Any]) -> str:
    """What is wrong with it, '' if nothing; that a `$ref` leads nowhere shows only in `misfit`."""
    text = json.dumps(schema)
    return f"this schema has more than {MOST} pairs of braces" if text.count("{") > MOST else _flaw(text)


@lru_cache(maxsize=64)  # a task is read several times on its way, and many tasks have the same one
def _flaw(text: str) -> str:
    from jsonschema import exceptions, validators

    schema = json.loads(text)
    try:
        validators.validator_for(schema).check_schema(schema)
    except exceptions.SchemaError as error:
        return f"this is no JSON schema: {error.json_path}: {error.message}"[:300]
    except Exception as error:
        return f"this is no JSON schema: {type(error).__name__}"
    return ""


def misfit(schema: dict[str, Any], data: Any) -> str:
    """How data does not fit, '' if it does. Raises ValueError for a schema that no data can be held against."""
    from jsonschema import exceptions, validators
    from referencing import Registry

    try:
        kind = validators.validator_for(schema)
        wrong = exceptions.best_match(kind(schema, registry=Registry()).iter_errors(data))
    except Exception as error:
        raise ValueError(f"the schema under `expect` cannot be used: {type(error).__name__}") from None
    return f"the result does not fit `expect`: {wrong.json_path}: {wrong.message}"[:300] if wrong else ""
