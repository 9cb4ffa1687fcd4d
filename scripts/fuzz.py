"""Fuzz every target for some seconds, guided by coverage; a finding ends with the input and its trace. For `make fuzz`.

    python scripts/fuzz.py SECONDS [TARGET…]

Each target runs in a process of its own, which ends at its time, two at once: twenty-four targets of 60 s take eleven minutes and their
starts, of the ninety that CI has. New inputs are kept for the run alone; one that finds something is
written to `tests/fuzz/found/TARGET`, to be moved into the corpus with the mending.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOUND = ROOT / "tests" / "fuzz" / "found"
SLACK_SECONDS = 120
AT_ONCE = 2
INPUT_BYTES_MAX = 4096
MEMORY_MB_MAX = 2048


def main(seconds: int, names: list[str]) -> int:
    sys.path.insert(0, str(ROOT))
    from tests.fuzz.targets import TARGETS

    names = names or list(TARGETS)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        are_clean = list(pool.map(partial(is_clean, seconds), names))
    failed = [name for name, clean in zip(names, are_clean, strict=True) if not clean]
    print(f"findings: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


def is_clean(seconds: int, name: str) -> bool:
    """Fuzz one target in a process; what it said is shown as a whole where it found something, or did not end."""
    command = [sys.executable, __file__, "--one", str(seconds), name]
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        try:
            code = subprocess.run(command, cwd=ROOT, stdout=said, stderr=said, timeout=seconds + SLACK_SECONDS, check=False).returncode
        except subprocess.TimeoutExpired:
            code = -1
        said.seek(0)
        shown = said.read() if code else ""
    print(f"{name}: {seconds} s{', ended with ' + str(code) if code else ''}\n{shown}", end="", flush=True)
    return not code


def one(seconds: int, name: str) -> None:
    """Never returns: the fuzzer ends the process."""
    import atheris

    sys.path.insert(0, str(ROOT))
    with atheris.instrument_imports(include=["meridian"]):
        from tests.fuzz.kept import finding, inputs_of

    def run(data: bytes) -> None:
        fault = finding(name, data)
        if fault is not None:
            raise fault

    FOUND.joinpath(name).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(inputs_of(name)):
            Path(folder, f"kept-{number}").write_bytes(data)
        limits = [f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", f"-rss_limit_mb={MEMORY_MB_MAX}", "-timeout=20"]
        atheris.Setup([sys.argv[0], folder, *limits, f"-artifact_prefix={FOUND / name}/", "-verbosity=0", "-print_final_stats=0"], run)
        atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        one(int(sys.argv[2]), sys.argv[3])
    else:
        sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
