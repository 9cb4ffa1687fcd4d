// The AWS Encryption SDK for JavaScript in Node.js.

import assert from "node:assert/strict";
import * as esdk from "@aws-crypto/client-node";
import { KMS } from "@aws-sdk/client-kms";
import { clientOf, createKey, createReplicatedKey } from "./regions.mjs";

const { decrypt, encrypt } = esdk.buildClient(esdk.CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const clientProvider = clientOf(KMS);
const context = { purpose: "test", tenant: "a" };
const message = Buffer.from("a long message".repeat(1000));

const keyringOf = (generatorKeyId) => esdk.buildAwsKmsMrkAwareStrictMultiKeyringNode({ clientProvider, generatorKeyId });

// The same message, of which the context says something else.
function withAnotherContext(sealed) {
  const place = sealed.indexOf("tenant");
  assert.ok(place > 0);
  const changed = Buffer.from(sealed);
  changed.write("b", sealed.indexOf("a", place + "tenant".length));
  return changed;
}

export async function aMessageCrossesRegionsUnderAMultiRegionKey() {
  const { primary, replica } = await createReplicatedKey();
  const { result } = await encrypt(keyringOf(primary.Arn), message, { encryptionContext: context });
  const { plaintext, messageHeader } = await decrypt(keyringOf(replica.Arn), result);
  assert.deepEqual(plaintext, message);
  assert.equal(messageHeader.encryptionContext.tenant, "a");
  assert.equal(messageHeader.encryptionContext.purpose, "test");
}

export async function anotherKeyOpensNothing() {
  const { Arn } = await createKey();
  const { result } = await encrypt(keyringOf(Arn), message, { encryptionContext: context });
  const stranger = await createKey();
  await assert.rejects(decrypt(keyringOf(stranger.Arn), result), /Unable to decrypt data key/);
}

export async function aMessageWithAnotherContextIsRefusedByTheService() {
  const { primary, replica } = await createReplicatedKey();
  const { result } = await encrypt(keyringOf(primary.Arn), message, { encryptionContext: context });
  const changed = withAnotherContext(result);
  for (const key of [primary, replica]) {
    await assert.rejects(decrypt(keyringOf(key.Arn), changed), /InvalidCiphertextException/);
  }
}

export async function aMessageIsOpenedByDiscoveryInTheOtherRegion() {
  const { primary, replica } = await createReplicatedKey();
  const { result } = await encrypt(keyringOf(primary.Arn), message, { encryptionContext: context });
  const discoveryFilter = { accountIDs: ["111122223333"], partition: "aws" };
  const regions = [replica.Arn.split(":")[3]];
  const keyring = esdk.buildAwsKmsMrkAwareDiscoveryMultiKeyringNode({ clientProvider, regions, discoveryFilter });
  const { plaintext } = await decrypt(keyring, result);
  assert.deepEqual(plaintext, message);
}

export async function aMessageForTwoKeysIsOpenedByEither() {
  const [first, second] = [await createKey(), await createKey()];
  const both = new esdk.KmsKeyringNode({ clientProvider, generatorKeyId: first.Arn, keyIds: [second.Arn] });
  const { result } = await encrypt(both, message, { encryptionContext: context });
  for (const key of [first, second]) {
    const { plaintext } = await decrypt(new esdk.KmsKeyringNode({ clientProvider, keyIds: [key.Arn] }), result);
    assert.deepEqual(plaintext, message);
  }
}
