// The AWS SDK for Go as its users write it: one story, told as JSON.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

var tenant = map[string]string{"tenant": "a"}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// refusedAs is the SDK's own class of a refusal.
func refusedAs[T smithy.APIError](err error) string {
	var refusal T
	if !errors.As(err, &refusal) {
		log.Fatalf("not refused as it should be: %v", err)
	}
	return refusal.ErrorCode()
}

func text(value []byte) string { return base64.StdEncoding.EncodeToString(value) }

func main() {
	ctx := context.Background()
	client := kms.NewFromConfig(must(config.LoadDefaultConfig(ctx)))
	told := map[string]any{}
	ciphers(ctx, client, told)
	signatures(ctx, client, told)
	macs(ctx, client, told)
	if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
		log.Fatal(err)
	}
}

func ciphers(ctx context.Context, client *kms.Client, told map[string]any) {
	tags := []types.Tag{}
	for _, name := range []string{"one", "two", "three"} {
		tags = append(tags, types.Tag{TagKey: aws.String(name), TagValue: aws.String("x")})
	}
	made := must(client.CreateKey(ctx, &kms.CreateKeyInput{Description: aws.String("of Go"), Tags: tags}))
	alias := aws.String("alias/of-go-" + (*made.KeyMetadata.KeyId)[:8])
	must(client.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: alias, TargetKeyId: made.KeyMetadata.KeyId}))
	described := must(client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: alias}))
	told["described"] = *described.KeyMetadata.Arn == *made.KeyMetadata.Arn && described.KeyMetadata.KeyState == types.KeyStateEnabled

	pages := kms.NewListResourceTagsPaginator(client, &kms.ListResourceTagsInput{KeyId: made.KeyMetadata.KeyId, Limit: aws.Int32(1)})
	found := 0
	for pages.HasMorePages() {
		found += len(must(pages.NextPage(ctx)).Tags)
	}
	told["tags"] = found

	blob := must(base64.StdEncoding.DecodeString(os.Getenv("SEALED")))
	told["opened"] = string(must(client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: tenant})).Plaintext)
	sealed := must(client.Encrypt(ctx, &kms.EncryptInput{KeyId: alias, Plaintext: []byte("from Go"), EncryptionContext: tenant}))
	told["sealed"] = text(sealed.CiphertextBlob)
	_, err := client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	told["refused"] = refusedAs[*types.InvalidCiphertextException](err)

	fresh := must(client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: alias, KeySpec: types.DataKeySpecAes256}))
	again := must(client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: fresh.CiphertextBlob}))
	told["dataKey"] = len(fresh.Plaintext) == 32 && string(fresh.Plaintext) == string(again.Plaintext)

	must(client.DisableKey(ctx, &kms.DisableKeyInput{KeyId: made.KeyMetadata.KeyId}))
	_, err = client.Encrypt(ctx, &kms.EncryptInput{KeyId: alias, Plaintext: []byte("x")})
	told["disabled"] = refusedAs[*types.DisabledException](err)
	must(client.EnableKey(ctx, &kms.EnableKeyInput{KeyId: made.KeyMetadata.KeyId}))
	_, err = client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/nowhere")})
	told["absent"] = refusedAs[*types.NotFoundException](err)
}

func signatures(ctx context.Context, client *kms.Client, told map[string]any) {
	made := must(client.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeSignVerify}))
	digest := sha256.Sum256([]byte("a message"))
	signed := must(client.Sign(ctx, &kms.SignInput{
		KeyId: made.KeyMetadata.KeyId, Message: digest[:], MessageType: types.MessageTypeDigest,
		SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	}))
	public := must(client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: made.KeyMetadata.KeyId}))
	told["signature"], told["publicKey"] = text(signed.Signature), text(public.PublicKey)
}

func macs(ctx context.Context, client *kms.Client, told map[string]any) {
	made := must(client.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: types.KeySpecHmac256, KeyUsage: types.KeyUsageTypeGenerateVerifyMac}))
	mac := must(client.GenerateMac(ctx, &kms.GenerateMacInput{
		KeyId: made.KeyMetadata.KeyId, Message: []byte("a message"), MacAlgorithm: types.MacAlgorithmSpecHmacSha256,
	}))
	_, err := client.VerifyMac(ctx, &kms.VerifyMacInput{
		KeyId: made.KeyMetadata.KeyId, Message: []byte("another"), Mac: mac.Mac, MacAlgorithm: types.MacAlgorithmSpecHmacSha256,
	})
	told["mac"] = refusedAs[*types.KMSInvalidMacException](err)
}
