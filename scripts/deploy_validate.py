"""Judges objects by the schemas of one release of Kubernetes, unknown fields refused, and custom resources by deploy/schemas.

Reads YAML from standard input; runs in the environment of kubernetes-validate. Exit code 1 where anything is wrong.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import jsonschema
import kubernetes_validate
import yaml

RELEASE: Final = "1.35"
SCHEMAS: Final = Path(__file__).resolve().parents[1] / "deploy" / "schemas"
FIELDS: Final = ("path", "reason")


def main() -> int:
    objects: list[dict[str, Any]] = [each for each in yaml.safe_load_all(sys.stdin) if each]
    faults = [f"{each['kind']} {each['metadata']['name']}: {fault}" for each in objects if (fault := _fault(each))]
    print("\n".join(faults or [f"{len(objects)} objects are of Kubernetes {RELEASE}"]))
    return 1 if faults or not objects else 0


def _fault(each: dict[str, Any]) -> str:
    own = SCHEMAS / f"{each['kind'].lower()}-{each['apiVersion'].replace('/', '-')}.json"
    try:
        if own.exists():
            jsonschema.validate(each, json.loads(own.read_text()))
        else:
            kubernetes_validate.validate(each, RELEASE, strict=True)
    except jsonschema.ValidationError as fault:
        return f"{'.'.join(map(str, fault.absolute_path))}: {fault.message[:300]}"
    except kubernetes_validate.SchemaNotFoundError as fault:
        return str(fault.message)
    return ""


if __name__ == "__main__":
    sys.exit(main())
