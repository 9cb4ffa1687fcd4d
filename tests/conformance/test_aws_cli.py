"""The aws command line, unchanged, on the walks of the documents: rotation of an imported key, and an imported multi-Region key.

Each walk is one shell script, with openssl where the documents have it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.aws import environment, url
from tests.deployment import AWAY, HOME, Deployment

AWS = Path(sys.executable).with_name("aws")
HEAD = """
set -euo pipefail
fail() { echo "FAILED: $1" >&2; exit 1; }
equal() { [ "$1" = "$2" ] || fail "$3: '$1' is not '$2'"; }
parameters() {  # key, region endpoint
  aws kms get-parameters-for-import --key-id "$1" --wrapping-algorithm RSAES_OAEP_SHA_256 --wrapping-key-spec RSA_4096 "${@:2}" \\
    --query '[ImportToken,PublicKey]' --output text > parameters
  cut -f1 parameters | base64 -d > ImportToken.bin
  cut -f2 parameters | base64 -d > WrappingPublicKey.bin
}
wrap() {  # material
  openssl pkeyutl -encrypt -in "$1" -out "Encrypted$1" -inkey WrappingPublicKey.bin -keyform DER -pubin \\
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256
}
import() {  # key, material, options
  aws kms import-key-material --key-id "$1" --encrypted-key-material "fileb://Encrypted$2" --import-token fileb://ImportToken.bin \\
    --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE "${@:3}" --query KeyMaterialId --output text
}
describe() { aws kms describe-key --key-id "$1" --query "KeyMetadata.$2" --output text "${@:3}"; }
"""

ROTATION = """
KEY=$(aws kms create-key --origin EXTERNAL --query KeyMetadata.Arn --output text)
equal "$(describe "$KEY" KeyState)" PendingImport "a new key"
openssl rand 32 > KeyMaterial1.bin
parameters "$KEY"; wrap KeyMaterial1.bin; cp ImportToken.bin ImportToken1.bin
MATERIAL1=$(import "$KEY" KeyMaterial1.bin --key-material-description "first material")
equal "$(describe "$KEY" CurrentKeyMaterialId)" "$MATERIAL1" "the current material"
states() {
  aws kms list-key-rotations --key-id "$KEY" --include-key-material ALL_KEY_MATERIAL --query 'Rotations[].KeyMaterialState' --output text
}
equal "$(states)" CURRENT "after the first import"

aws kms generate-data-key --key-id "$KEY" --key-spec AES_256 --query '[CiphertextBlob,Plaintext,KeyMaterialId]' --output text > data1
equal "$(cut -f3 data1)" "$MATERIAL1" "the data key's material"
cut -f1 data1 | base64 -d > blob1
equal "$(aws kms decrypt --ciphertext-blob fileb://blob1 --query '[Plaintext,KeyMaterialId]' --output text)" "$(cut -f2,3 data1)" "step 2"

openssl rand 32 > KeyMaterial2.bin
parameters "$KEY"; wrap KeyMaterial2.bin
import "$KEY" KeyMaterial2.bin && fail "an import without --import-type takes new material" || true
MATERIAL2=$(import "$KEY" KeyMaterial2.bin --import-type NEW_KEY_MATERIAL)
equal "$(states | tr '\\t' ' ')" "CURRENT PENDING_ROTATION" "step 3"

aws kms rotate-key-on-demand --key-id "$KEY" > rotated
for _ in $(seq 40); do
  START=$(aws kms get-key-rotation-status --key-id "$KEY" --query OnDemandRotationStartDate --output text)
  [ "$START" = None ] && break
done
equal "$START" None "the rotation's end"
equal "$(describe "$KEY" CurrentKeyMaterialId)" "$MATERIAL2" "step 4"
equal "$(states | tr '\\t' ' ')" "NON_CURRENT CURRENT" "step 4"

aws kms generate-data-key --key-id "$KEY" --key-spec AES_256 --query '[CiphertextBlob,KeyMaterialId]' --output text > data2
equal "$(cut -f2 data2)" "$MATERIAL2" "step 5"
cut -f1 data2 | base64 -d > blob2
equal "$(aws kms decrypt --ciphertext-blob fileb://blob1 --query KeyMaterialId --output text)" "$MATERIAL1" "the blob chooses its material"

aws kms delete-imported-key-material --key-id "$KEY" --key-material-id "$MATERIAL1" > deleted
equal "$(describe "$KEY" KeyState)" PendingImport "step 6"
aws kms decrypt --ciphertext-blob fileb://blob2 2> refusal && fail "a key with missing material decrypts" || true
grep -q "An error occurred (KMSInvalidStateException) when calling the Decrypt operation: $KEY is pending import." refusal \\
  || fail "$(cat refusal)"

cp ImportToken1.bin ImportToken.bin
equal "$(import "$KEY" KeyMaterial1.bin --import-type EXISTING_KEY_MATERIAL)" "$MATERIAL1" "step 7"
equal "$(describe "$KEY" KeyState)" Enabled "step 7"
aws kms decrypt --ciphertext-blob fileb://blob2 --query Plaintext --output text > /dev/null
"""

MULTI_REGION = """
there() { aws kms "$@" --region "$AWAY" --endpoint-url "$AWAY_URL"; }
KEY=$(aws kms create-key --origin EXTERNAL --multi-region --query KeyMetadata.KeyId --output text)
equal "$(describe "$KEY" '[KeyState,MultiRegionConfiguration.MultiRegionKeyType]' | tr '\\t' ' ')" "PendingImport PRIMARY" "the primary"
openssl rand 32 > Material.bin; openssl rand 32 > Other.bin
parameters "$KEY"; wrap Material.bin
import "$KEY" Material.bin > /dev/null
aws kms replicate-key --key-id "$KEY" --replica-region "$AWAY" > /dev/null
for _ in $(seq 40); do
  STATE=$(there describe-key --key-id "$KEY" --query KeyMetadata.KeyState --output text 2> /dev/null || true)
  [ "$STATE" = PendingImport ] && break
done
equal "$STATE" PendingImport "the replica"
there import-key-material --key-id "$KEY" --encrypted-key-material fileb://EncryptedMaterial.bin --import-token fileb://ImportToken.bin \\
  --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE 2> refusal && fail "the primary's token is taken" || true
grep -q InvalidImportTokenException refusal || fail "$(cat refusal)"
parameters "$KEY" --region "$AWAY" --endpoint-url "$AWAY_URL"
wrap Other.bin; wrap Material.bin
bring() {
  there import-key-material --key-id "$KEY" --encrypted-key-material "fileb://Encrypted$1" --import-token fileb://ImportToken.bin \\
    --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE
}
bring Other.bin 2> refusal && fail "other material is taken" || true
grep -q IncorrectKeyMaterialException refusal || fail "$(cat refusal)"
bring Material.bin > /dev/null
aws kms encrypt --key-id "$KEY" --plaintext fileb://Other.bin --query CiphertextBlob --output text | base64 -d > blob
there decrypt --ciphertext-blob fileb://blob --query Plaintext --output text | base64 -d | cmp - Other.bin || fail "decrypt across Regions"
"""


@pytest.mark.parametrize(
    "walk",
    [
        pytest.param(ROTATION, id="rotation of an imported key", marks=pytest.mark.deep),
        pytest.param(MULTI_REGION, id="imported multi-Region key"),
    ],
)
def test_the_walk_of_the_documents(two_regions: Deployment, tmp_path: Path, walk: str) -> None:
    here = {**os.environ, **environment(two_regions), "AWAY": AWAY, "AWAY_URL": url(two_regions, AWAY)}
    here["PATH"] = f"{AWS.parent}:{here['PATH']}"
    done = subprocess.run(["bash", "-c", HEAD + walk], cwd=tmp_path, env=here, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_pager_and_a_table_of_the_command_line(two_regions: Deployment) -> None:
    here = {**os.environ, **environment(two_regions)}
    run = [str(AWS), "kms", "list-keys", "--page-size", "1", "--output", "table"]
    done = subprocess.run(run, env=here, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "KeyArn" in done.stdout
    assert f"arn:aws:kms:{HOME}:" in done.stdout
