// Clients of the two Regions. The first is configured by the environment alone, as users do.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { CreateKeyCommand, DescribeKeyCommand, KMSClient, ReplicateKeyCommand } from "@aws-sdk/client-kms";

const { AWAY, AWAY_URL } = process.env;
const there = { region: AWAY, endpoint: AWAY_URL };

export const here = new KMSClient();
export const away = new KMSClient(there);

// What the keyrings of the AWS Encryption SDK ask for a client of the Region in a key's ARN.
export const clientOf = (KMS) => (region) => (region === AWAY ? new KMS(there) : new KMS({ region }));

export async function createKey(fields = {}) {
  return (await here.send(new CreateKeyCommand(fields))).KeyMetadata;
}

export async function createReplicatedKey() {
  const primary = await createKey({ MultiRegion: true });
  await here.send(new ReplicateKeyCommand({ KeyId: primary.KeyId, ReplicaRegion: AWAY }));
  return { primary, replica: await enabledAway(primary.KeyId) };
}

async function enabledAway(KeyId) {
  for (let tries = 0; tries < 200; tries += 1) {
    const metadata = await describeAway(KeyId);
    if (metadata?.KeyState === "Enabled") return metadata;
    await setTimeout(50);
  }
  return assert.fail(`${KeyId} is not enabled in ${AWAY}`);
}

async function describeAway(KeyId) {
  try {
    return (await away.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata;
  } catch (error) {
    if (error.name !== "NotFoundException") throw error;
    return undefined;
  }
}
