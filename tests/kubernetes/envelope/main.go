// The API server's own encryption of what it stores, driven line by line.
//
// Each line of standard input is one command in JSON, and each is answered by one line. What is driven is the package
// encryptionconfig of k8s.io/apiserver: it reads an EncryptionConfiguration, polls the plug-in, makes seeds, judges staleness and
// stops writes after three minutes without a healthy answer.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sort"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/server/options/encryptionconfig"
	"k8s.io/apiserver/pkg/storage/value"
	"k8s.io/apiserver/pkg/storage/value/encrypt/envelope/kmsv2"
	"k8s.io/klog/v2"
	kmsservice "k8s.io/kms/pkg/service"
)

const lineBytesMax = 1 << 20

// Command is one line that is asked.
type Command struct {
	Do     string `json:"do"`
	Config string `json:"config"`
	Name   string `json:"name"`
	Socket string `json:"socket"`
	Path   string `json:"path"`
	Data   []byte `json:"data"`
	KeyID  string `json:"key_id"`
	UID    string `json:"uid"`
	Count  int    `json:"count"`
	Ahead  int    `json:"ahead_seconds"`
}

// Answer is one line that is answered.
type Answer struct {
	Error        string               `json:"error,omitempty"`
	Data         []byte               `json:"data,omitempty"`
	Stale        bool                 `json:"stale"`
	Healthz      string               `json:"healthz,omitempty"`
	Version      string               `json:"version,omitempty"`
	KeyID        string               `json:"key_id,omitempty"`
	Annotations  map[string][]byte    `json:"annotations,omitempty"`
	Milliseconds map[string][]float64 `json:"milliseconds,omitempty"`
}

// server is what an API server keeps: its transformers and its connection to the plug-in.
type server struct {
	config  *encryptionconfig.EncryptionConfiguration
	end     context.CancelFunc
	service kmsservice.Service
	ahead   atomic.Int64
}

var secrets = schema.GroupResource{Resource: "secrets"}

func main() {
	klog.InitFlags(nil)
	flag.Parse()
	served := &server{end: func() {}}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, 4096), lineBytesMax)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var command Command
		answer := Answer{}
		if err := json.Unmarshal(lines.Bytes(), &command); err != nil {
			answer.Error = err.Error()
		} else if answer, err = served.do(context.Background(), command); err != nil {
			answer.Error = err.Error()
		}
		if err := out.Encode(answer); err != nil {
			os.Exit(1)
		}
	}
	served.end()
}

func (s *server) do(ctx context.Context, command Command) (Answer, error) {
	switch command.Do {
	case "start":
		return s.start(ctx, command)
	case "healthz":
		return s.healthz(ctx)
	case "clock":
		s.ahead.Store(int64(command.Ahead))
		return Answer{}, nil
	case "write":
		data, err := s.config.Transformers[secrets].TransformToStorage(ctx, command.Data, value.DefaultContext(command.Path))
		return Answer{Data: data}, err
	case "read":
		data, stale, err := s.config.Transformers[secrets].TransformFromStorage(ctx, command.Data, value.DefaultContext(command.Path))
		return Answer{Data: data, Stale: stale}, err
	case "status":
		status, err := s.service.Status(ctx)
		if err != nil {
			return Answer{}, err
		}
		return Answer{Healthz: status.Healthz, Version: status.Version, KeyID: status.KeyID}, nil
	case "encrypt":
		made, err := s.service.Encrypt(ctx, command.UID, command.Data)
		if err != nil {
			return Answer{}, err
		}
		return Answer{Data: made.Ciphertext, KeyID: made.KeyID, Annotations: made.Annotations}, nil
	case "decrypt":
		data, err := s.service.Decrypt(ctx, command.UID, &kmsservice.DecryptRequest{Ciphertext: command.Data, KeyID: command.KeyID})
		return Answer{Data: data}, err
	case "measure":
		return s.measure(ctx, command.Count)
	}
	return Answer{}, fmt.Errorf("no command %q", command.Do)
}

// start is what an API server does as it starts: a new cache, a new seed, and its poll loop.
func (s *server) start(ctx context.Context, command Command) (Answer, error) {
	s.end()
	ctx, s.end = context.WithCancel(ctx)
	s.ahead.Store(0)
	kmsv2.SetNowFuncForTests(command.Name, func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load()) * time.Second) })
	var err error
	if s.service, err = kmsv2.NewGRPCService(ctx, command.Socket, command.Name, 3*time.Second); err != nil {
		return Answer{}, err
	}
	s.config, err = encryptionconfig.LoadEncryptionConfig(ctx, command.Config, false, "apiserver")
	return Answer{}, err
}

// healthz is the API server's health endpoint of its plug-ins; it asks the plug-in at most each 20 s, after a failure each 3 s.
func (s *server) healthz(ctx context.Context) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "/healthz", nil)
	if err != nil {
		return Answer{}, err
	}
	for _, check := range s.config.HealthChecks {
		if err := check.Check(request); err != nil {
			return Answer{}, err
		}
	}
	return Answer{Healthz: "ok"}, nil
}

// measure times calls one after another; the figures are sorted.
func (s *server) measure(ctx context.Context, count int) (Answer, error) {
	taken := map[string][]float64{}
	timed := func(name string, call func() error) error {
		begun := time.Now()
		err := call()
		taken[name] = append(taken[name], float64(time.Since(begun).Microseconds())/1000)
		return err
	}
	for i := 0; i < count; i++ {
		var made *kmsservice.EncryptResponse
		err := timed("Status", func() error { _, err := s.service.Status(ctx); return err })
		if err == nil {
			err = timed("Encrypt", func() (err error) { made, err = s.service.Encrypt(ctx, "measured", make([]byte, 32)); return err })
		}
		if err == nil {
			err = timed("Decrypt", func() error {
				_, err := s.service.Decrypt(ctx, "measured", &kmsservice.DecryptRequest{Ciphertext: made.Ciphertext, KeyID: made.KeyID})
				return err
			})
		}
		if err != nil {
			return Answer{}, err
		}
	}
	for _, each := range taken {
		sort.Float64s(each)
	}
	return Answer{Milliseconds: taken}, nil
}
