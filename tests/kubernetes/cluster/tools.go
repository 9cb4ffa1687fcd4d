//go:build tools

// Package tools names the programs whose modules go.mod and go.sum pin: etcd and the API server of Kubernetes, as released.
package tools

import (
	_ "go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
)
