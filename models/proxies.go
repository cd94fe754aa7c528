package models

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Proxies returns the tokens under which addresses elsewhere are fetched
// through this server. Those that have none are missing from the answer.
func (c *conn) Proxies(ctx context.Context, addresses ...string) (map[string]string, error) {
	found := make(map[string]string, len(addresses))
	addresses = slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return !validText(a) })
	for len(addresses) > 0 {
		n := min(len(addresses), inChunk)
		err := c.each(ctx, "SELECT url, token FROM proxies WHERE url IN ?", []any{padded(addresses[:n])}, func(r *sql.Rows) error {
			var address, token string
			err := r.Scan(&address, &token)
			found[address] = token
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading proxies: %w", err)
		}
		addresses = addresses[n:]
	}
	return found, nil
}

// ProxiedAddress returns the address that a token stands for, or [ErrNotFound].
func (c *conn) ProxiedAddress(ctx context.Context, token string) (string, error) {
	var address string
	found, err := c.get(ctx, "SELECT url FROM proxies WHERE token = ?", []any{token}, &address)
	if err != nil {
		return "", fmt.Errorf("reading a proxy: %w", err)
	}
	if !found {
		return "", ErrNotFound
	}
	return address, nil
}

// EnsureProxies gives each address a token: the one in tokens, unless it has one
// already. It returns those that hold. An address has at most [MaxIRI] bytes.
func (tx *Tx) EnsureProxies(ctx context.Context, tokens map[string]string, now time.Time) (map[string]string, error) {
	// In the same order everywhere, so that two transactions with the same new
	// addresses do not wait for each other in a circle.
	addresses := slices.Sorted(maps.Keys(tokens))
	for chunk := range slices.Chunk(addresses, inChunk) {
		args := make([]any, 0, 3*len(chunk))
		for _, a := range chunk {
			if len(a) > MaxIRI {
				return nil, fmt.Errorf("storing proxies: an address of %d bytes is longer than %d", len(a), MaxIRI)
			}
			args = append(args, a, tokens[a], millis(now))
		}
		query := "INSERT INTO proxies (url, token, created) VALUES (?, ?, ?)" + strings.Repeat(", (?, ?, ?)", len(chunk)-1) + " ON CONFLICT (url) DO NOTHING"
		if _, err := tx.exec(ctx, query, args...); err != nil {
			return nil, fmt.Errorf("storing proxies: %w", err)
		}
	}
	return tx.Proxies(ctx, addresses...)
}
