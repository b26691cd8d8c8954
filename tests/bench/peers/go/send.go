package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const mostAttempts = 8

// sender delivers requests over connections that are kept.
type sender struct {
	client   *http.Client
	endpoint string
	key      string
}

func newSender(endpoint, caFile, key string, http2 bool, connections int) (*sender, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", caFile)
	}
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   http2,
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: connections,
		MaxConnsPerHost:     connections,
		DisableCompression:  true,
		WriteBufferSize:     16 << 10,
	}
	if !http2 {
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	client := &http.Client{Transport: transport, Timeout: 15 * time.Second}
	return &sender{client, strings.TrimRight(endpoint, "/") + "/inappevent/", key}, nil
}

// deliver tries until the request is answered for good.
func (s *sender) deliver(r request) {
	for attempt := 0; ; attempt++ {
		status, err := s.post(r)
		switch {
		case status == http.StatusOK:
			return
		case err == nil && status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout:
			log.Printf("given up: status %d", status)
			return
		case attempt == mostAttempts:
			log.Printf("given up after %d attempts: status %d, %v", attempt, status, err)
			return
		}
		time.Sleep(time.Duration(rand.Int63n(int64(500*time.Millisecond) << attempt)))
	}
}

func (s *sender) post(r request) (int, error) {
	out, err := http.NewRequest(http.MethodPost, s.endpoint+url.PathEscape(r.appID), bytes.NewReader(r.body))
	if err != nil {
		return 0, err
	}
	out.Header["Authentication"] = []string{s.key}
	out.Header["Content-Type"] = []string{"application/json"}
	answer, err := s.client.Do(out)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}
