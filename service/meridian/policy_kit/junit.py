"""Results as JUnit's XML, for build servers."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, tostring

from meridian.policy_kit.run import CaseResult


def junit_xml(results: Iterable[CaseResult]) -> bytes:
    """One test suite a file, one test case a cell."""
    root = Element("testsuites")
    for file, group in groupby(results, key=lambda result: result.file):
        cells = list(group)
        failures = sum(1 for cell in cells if not cell.passed)
        suite = SubElement(root, "testsuite", name=file, tests=str(len(cells)), failures=str(failures))
        for cell in cells:
            case = SubElement(suite, "testcase", classname=file.removesuffix(".yaml"), name=f"{cell.name}: {cell.cell}")
            if not cell.passed:
                failure = SubElement(case, "failure", message=f"expected {cell.expected}, got {cell.got}")
                failure.text = "\n".join(cell.why)
    body: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + body
