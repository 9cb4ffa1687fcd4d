"""What Java needs beside its program: who is believed, and, for version 1 of AWS's SDK, where AWS is."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from tests.deployment import HOME

PASSWORD = "changeit"
REGIONS = """<XML><Regions><Region>
  <Name>{region}</Name><Domain>amazonaws.com</Domain>
  <Endpoints><Endpoint><ServiceName>kms</ServiceName><Http>false</Http><Https>true</Https><Hostname>{host}</Hostname></Endpoint></Endpoints>
</Region></Regions></XML>
"""


def believing(authority: Path, folder: Path) -> list[str]:
    """Options of a machine of Java that believes this authority and no other."""
    store = folder / "authorities.p12"
    made = ["keytool", "-importcert", "-noprompt", "-alias", "meridian", "-file", str(authority), "-keystore", str(store)]
    subprocess.run([*made, "-storetype", "PKCS12", "-storepass", PASSWORD], check=True, capture_output=True, timeout=60)
    return [f"-Djavax.net.ssl.trustStore={store}", f"-Djavax.net.ssl.trustStorePassword={PASSWORD}"]


def finding(url: str, folder: Path) -> list[str]:
    """Options under which version 1 of AWS's SDK, which reads no endpoint from the environment, finds this one."""
    file = folder / "regions.xml"
    file.write_text(REGIONS.format(region=HOME, host=urlsplit(url).netloc))
    return [f"-Dcom.amazonaws.regions.RegionUtils.fileOverride={file}"]
