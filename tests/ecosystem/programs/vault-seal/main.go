// The seal `awskms` of Vault and Boundary, by itself: a root key is wrapped, and unwrapped by another start that knows the settings alone.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log"
	"os"

	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
	"github.com/hashicorp/go-kms-wrapping/wrappers/awskms/v2"
)

var root = []byte("a root key, as long as it has to be")

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// started is the seal as a server opens it.
func started(ctx context.Context) *awskms.Wrapper {
	seal := awskms.NewWrapper()
	settings := map[string]string{"kms_key_id": os.Getenv("KEY_ID"), "region": os.Getenv("AWS_REGION"), "endpoint": os.Getenv("ENDPOINT")}
	must(seal.SetConfig(ctx, wrapping.WithConfigMap(settings)))
	return seal
}

func main() {
	ctx := context.Background()
	blob := must(started(ctx).Encrypt(ctx, root, wrapping.WithAad([]byte("of a cluster"))))
	again := started(ctx)
	opened := must(again.Decrypt(ctx, blob, wrapping.WithAad([]byte("of a cluster"))))
	_, err := again.Decrypt(ctx, blob, wrapping.WithAad([]byte("of another")))
	told := map[string]any{
		"type": must(again.Type(ctx)), "keyId": must(again.KeyId(ctx)), "opened": bytes.Equal(opened, root), "refused": err != nil,
	}
	if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
		log.Fatal(err)
	}
}
