"""What `make bench-rivals` makes of its figures: bars as long as they say, tables of what was measured, real answers alone."""

from __future__ import annotations

import asyncio
import re
import struct
from pathlib import Path
from xml.etree import ElementTree

import bench_rivals_report as report
import pytest
from bars import Bar, chart
from bench_http import Kept, Post
from bench_subjects import CONNECTIONS, LONE, Subject
from h2load import Generator, Shape, UnansweredError, framed

SVG = "{http://www.w3.org/2000/svg}"
LOOPBACK = "127.0.0.1"


def found(**costs: list[float]) -> report.Found:
    subjects = {}
    for name, values in costs.items():
        subject = Subject(name.replace("_", " "), 1, (CONNECTIONS,))
        subject.costs[CONNECTIONS] = values
        subjects[subject.name] = subject
    return report.Found(subjects, 100, [500.0] * 3, 4.2, "Python 3")


def test_a_bar_is_as_long_as_its_median_and_its_line_as_the_spread() -> None:
    text = chart("costs", "µs", [Bar("a", 0, [100, 200, 400]), Bar("b <&>", 1, [100, 100, 100])])
    root = ElementTree.fromstring(text)  # noqa: S314 - our own
    widths = [float(each.attrib["width"]) for each in root.iter(f"{SVG}rect")]
    lines = [float(each.attrib["x2"]) - float(each.attrib["x1"]) for each in root.iter(f"{SVG}line")]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.1)
    assert lines == pytest.approx([1.5 * widths[0], 0], abs=0.2)
    assert [each.text for each in root.iter(f"{SVG}text")][2:] == ["a", "200", "b <&>", "100"]


def test_ratios_are_of_the_same_round_and_only_of_what_was_measured() -> None:
    one, other = report.GRPC["envoy"], report.HTTP2[report.ONE_CORE]
    text = "\n".join(report.tables(found(**{one: [100.0, 300.0, 200.0], other: [200.0, 300.0, 800.0]})))
    assert f"| {one} ÷ {other} | {CONNECTIONS} | 0.50 [0.25-1.00] | ≤ 0.75 |" in text
    assert "Meridian ran in Python 3.\n" in text
    assert report.MOTO not in text
    assert LONE not in text


def test_a_lone_callers_wait_is_shown_without_the_sync_of_its_round() -> None:
    one, other = report.GRPC["grpcio"], report.HTTP2[report.ONE_CORE]
    measured = found(**{one: [], other: []})
    measured.subjects[one].waits[LONE] = [900, 1000, 1100]
    measured.subjects[other].waits[LONE] = [400, 500, 600]
    row = [line for line in report.tables(measured) if line.startswith(f"| {one} ")][-1]
    assert row == f"| {one} | 1000 [900-1100] | 2.00 [1.83-2.25] | 1.00 [1.00-1.00] | ≤ 1.3 |"


def test_the_page_has_the_place_for_what_was_found_and_keeps_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, picture = tmp_path / "page.md", tmp_path / "picture.svg"
    page.write_text(report.PAGE.read_text())
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "PICTURE", picture)
    measured = found(**{report.GRPC["envoy"]: [100.0]})
    for text in ("first", "second"):
        report.write(text, measured)
    outside = re.compile(r"(<!-- what .*?-->).*(<!-- until)", re.DOTALL)
    assert outside.sub(r"\1\2", page.read_text()) == outside.sub(r"\1\2", report.PAGE.read_text())
    assert "\nsecond\n" in page.read_text()
    assert "\nfirst\n" not in page.read_text()
    assert report.GRPC["envoy"] in picture.read_text()


async def asked_twice(whole: bytes, expected: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(whole)
        writer.close()

    server = await asyncio.start_server(answer, LOOPBACK, 0)
    async with server:
        kept = Kept(Post(server.sockets[0].getsockname()[1], "/", {}, b"", expected))
        await kept.call()
        await kept.call()


@pytest.mark.parametrize(
    "body", [b"Content-Length: 6\r\n\r\nsealed", b"Transfer-Encoding: chunked\r\n\r\n3\r\nsea\r\n3\r\nled\r\n0\r\n\r\n"]
)
def test_answers_are_read_whole_over_one_connection_in_one_piece_or_several(body: bytes) -> None:
    asyncio.run(asked_twice(b"HTTP/1.1 200 OK\r\n" + body, b"sealed"))
    with pytest.raises(AssertionError, match="sealed"):
        asyncio.run(asked_twice(b"HTTP/1.1 200 OK\r\n" + body, b"open"))


@pytest.mark.parametrize(
    ("log", "median"), [("1\t200\t10\n2\t200\t30\n3\t200\t20\n", 20), ("1\t200\t10\n2\t503\t30\n3\t200\t20\n", None), ("", None)]
)
def test_a_run_of_h2load_counts_where_all_was_answered(
    log: str, median: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "h2load"
    program.write_text(f"""#!/bin/sh\nwhile [ "$1" != --log-file ]; do shift; done\nprintf '{log}' > "$2"\n""")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    generator = Generator(tmp_path / "files", "https://127.0.0.1:1/")
    if median is None:
        with pytest.raises(UnansweredError, match=r"127\.0\.0\.1:1/: not 3 answers"):
            asyncio.run(generator.run(3, Shape(1, 1)))
    else:
        assert asyncio.run(generator.run(3, Shape(1, 1))) == median


def test_a_message_is_framed_as_grpc_does() -> None:
    assert framed(b"abc") == b"\0" + struct.pack(">I", 3) + b"abc"
