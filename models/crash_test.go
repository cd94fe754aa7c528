package models_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"manifold/models"
)

// writerEnv makes this test binary a program that posts to a store until it is
// killed; its value is the address of the store. writerActorEnv says who posts.
const (
	writerEnv      = "MODELS_TEST_WRITER"
	writerActorEnv = "MODELS_TEST_WRITER_ACTOR"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(writerEnv); address != "" {
		actor, err := strconv.ParseInt(os.Getenv(writerActorEnv), 10, 64)
		if err == nil {
			err = postForEver(context.Background(), address, actor)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// postForEver posts, several at a time, and prints the name of each post once it
// is said to be durable.
func postForEver(ctx context.Context, address string, actor int64) error {
	db, err := models.Open(ctx, models.Options{Database: address})
	if err != nil {
		return err
	}
	if err := db.Join(ctx); err != nil {
		return err
	}
	failed := make(chan error)
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				err := db.Write(ctx, func(tx *models.Tx) error {
					a, err := deed{name: name, actor: actor}.insert(ctx, tx)
					if err != nil {
						return err
					}
					_, err = tx.Distribute(ctx, models.Distribution{Activity: a.ID, Author: actor, AuthorLocal: true})
					return err
				})
				if err != nil {
					failed <- err
					return
				}
				fmt.Println(name)
			}
		}()
	}
	return <-failed
}

// Whatever was acknowledged before a process is killed is there when the store
// is opened again, whole, and the store works on.
func TestKilledProcessLosesNothing(t *testing.T) {
	const kills, posts = 3, 60
	addresses(t, func(t *testing.T, address string) {
		db := newStore(t, address)
		ann := person(t, db, "ann", "")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		var acknowledged []string
		for range kills {
			acknowledged = append(acknowledged, killAfter(t, address, ann, posts)...)
			db := open(t, models.Options{Database: address})
			// On PostgreSQL a commit may still be under way that was sent before the
			// kill; whoever has a position comes after it.
			write(t, db, func(ctx context.Context, tx *models.Tx) error {
				_, err := tx.Position(ctx)
				return err
			})
			got := inbox(t, db, ann, models.All)
			for _, name := range acknowledged {
				if !slices.Contains(got, name) {
					t.Errorf("%s was acknowledged and is not there", name)
				}
			}
			if out, total := outbox(t, db, ann, ann); !slices.Equal(got, out) || total != len(out) {
				t.Errorf("the inbox holds %d items, the outbox %d of %d", len(got), len(out), total)
			}
			if db.Dialect() == models.SQLite {
				var result string
				if err := db.SQL().QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&result); err != nil || result != "ok" {
					t.Errorf("the file is damaged: %s, error %v", result, err)
				}
			}
		}
	})
}

// killAfter runs a writer, kills it after so many posts and returns all that it
// has acknowledged.
func killAfter(t *testing.T, address string, actor int64, posts int) []string {
	t.Helper()
	ctx, kill := context.WithTimeout(t.Context(), patience)
	defer kill()
	cmd := exec.CommandContext(ctx, os.Args[0]) // killed by SIGKILL
	cmd.Env = append(os.Environ(), writerEnv+"="+address, writerActorEnv+"="+strconv.FormatInt(actor, 10))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		names = append(names, lines.Text())
		if len(names) == posts {
			kill()
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the writer ended by itself")
	}
	if len(names) < posts {
		t.Fatalf("the writer ended after %d posts", len(names))
	}
	return names
}
