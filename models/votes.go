package models

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// VotesOf returns which choices of a question somebody has voted for.
func (c *conn) VotesOf(ctx context.Context, question, voter int64) ([]int, error) {
	var list []int
	err := c.each(ctx, "SELECT choice FROM votes WHERE question_id = ? AND voter_id = ? ORDER BY choice", []any{question, voter}, func(r *sql.Rows) error {
		var choice int
		err := r.Scan(&choice)
		list = append(list, choice)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading votes: %w", err)
	}
	return list, nil
}

// InsertVote stores a vote, or returns [ErrExists] when it was stored before.
func (tx *Tx) InsertVote(ctx context.Context, question, voter int64, choice int, at time.Time) error {
	n, err := tx.exec(ctx, "INSERT INTO votes (question_id, voter_id, choice, created) VALUES (?, ?, ?, ?) ON CONFLICT (question_id, voter_id, choice) DO NOTHING",
		question, voter, choice, millis(at))
	if err != nil {
		return fmt.Errorf("storing a vote: %w", err)
	}
	if n == 0 {
		return ErrExists
	}
	return nil
}
