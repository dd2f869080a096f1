package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gatehouse/gateway/atomicfile"
	"gatehouse/gateway/registry"
)

// APIFile is the file in the data folder, of mode 0600, by which the command line finds the HTTP APIs of a running gateway.
const APIFile = "api.json"

// API is what APIFile holds: where the HTTP APIs are, and the account's token, which is a secret.
type API struct {
	URL        string `json:"url"`
	AccountSID string `json:"account_sid"`
	AuthToken  string `json:"auth_token"`
	// RootFile is the root certificate to trust when the URL is https.
	RootFile string `json:"root_file"`
	// MQTTURL is where devices connect: "mqtts://localhost:8883".
	MQTTURL string `json:"mqtt_url"`
}

// publishAPI writes the file anew; without a server it removes it.
func (g *Gateway) publishAPI() error {
	g.mu.Lock()
	server := g.http
	g.mu.Unlock()
	path := filepath.Join(g.config.DataDir, APIFile)
	if server == nil {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("HTTP: %w", err)
		}
		return nil
	}
	account := g.registry.Account()
	content, err := json.MarshalIndent(API{
		URL: server.URL(), AccountSID: account.SID, AuthToken: account.AuthToken, RootFile: g.authority.RootPath(),
		MQTTURL: g.Status().URL,
	}, "", "  ")
	if err == nil {
		err = atomicfile.Write(path, append(content, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("HTTP: the file by which the command line finds it cannot be written: %w", err)
	}
	return nil
}

// RotateToken gives the account a new token for the HTTP APIs; the old one ends at once.
func (g *Gateway) RotateToken(ctx context.Context) (registry.Account, error) {
	g.turns.Lock()
	defer g.turns.Unlock()
	if g.isClosed() {
		return registry.Account{}, ErrClosed
	}
	account, err := g.registry.RotateToken(ctx)
	if err != nil {
		return registry.Account{}, err
	}
	return account, g.publishAPI()
}
