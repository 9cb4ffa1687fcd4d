"""How long a backup of a Region with many keys takes, and how long it takes from `meridian restore` to a Region that answers.

python scripts/bench_restore.py KEYS
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scale_fill import fill
from tests.deployment import HOME, Deployment

from meridian.settings import load_settings

PLAINTEXT = b"written before the backup"


def command(deployment: Deployment, *words: str) -> float:
    """Seconds that this command of `meridian` takes."""
    began = time.perf_counter()
    config = str(deployment.place(HOME).settings)
    subprocess.run([sys.executable, "-m", "meridian", *words, "--config", config], check=True)
    return time.perf_counter() - began


def main(keys: int) -> None:
    with tempfile.TemporaryDirectory(prefix="meridian-restore-") as folder:
        deployment = Deployment(Path(folder), [HOME]).prepare()
        ids = asyncio.run(fill(load_settings(deployment.place(HOME).settings), keys))
        try:
            deployment.start()
            with deployment.client(HOME, "app") as app:
                blob = app.encrypt(key_id=ids[-1], plaintext=PLAINTEXT).ciphertext_blob
            deployment.stop(HOME)
            made = command(deployment, "backup", "--to", f"{folder}/backup")
            began = time.perf_counter()
            restored = command(deployment, "restore", "--from", f"{folder}/backup")
            deployment.start()
            with deployment.client(HOME, "app") as app:
                assert app.decrypt(ciphertext_blob=blob).plaintext == PLAINTEXT
            taken = time.perf_counter() - began
        finally:
            deployment.stop_all()
        size = Path(f"{folder}/backup").stat().st_size / 1e6
    print(f"{keys:,} keys, {size:.0f} MB: backup {made:.1f} s, restore {restored:.1f} s, {taken:.1f} s until a ciphertext is opened again")


if __name__ == "__main__":
    main(int(sys.argv[1]))
