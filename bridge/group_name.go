package bridge

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"manifold/models"
)

// maxGroupName leaves room for what tells groups of the same name apart.
const maxGroupName = 40

// groupName makes the nickname of a new group of ours. The pump.io network knows
// groups by their ids alone; all others find them as group@host, so that a group
// is called like nothing else here: neither a person nor an address. It is made of
// what the group is called at first, and never changes.
func (b *Bridge) groupName(ctx context.Context, tx *models.Tx, displayName string) (string, error) {
	plain := groupSlug(displayName)
	for n := 1; n <= 50; n++ {
		name := plain
		if n > 1 {
			name += "_" + strconv.Itoa(n)
		}
		free, err := b.isFree(ctx, tx, name)
		if err != nil || free {
			return name, err
		}
	}
	return plain + "_" + strings.ToLower(strings.ReplaceAll(NewToken(), "-", "_")), nil
}

// isFree reports whether nobody is called by a name in lower case. Two that are
// made at the same moment are told apart by the index of identifiers.
func (b *Bridge) isFree(ctx context.Context, tx *models.Tx, name string) (bool, error) {
	if Reserved(name) || b.names.IsServerAcct(b.names.Acct(name)) {
		return false, nil
	}
	if _, err := tx.AccountByNickname(ctx, name); !errors.Is(err, models.ErrNotFound) {
		return false, err
	}
	_, err := tx.LookupKind(ctx, models.KindActor, b.names.Acct(name))
	if errors.Is(err, models.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// groupSlug writes a name in the letters that other networks allow in a nickname.
func groupSlug(displayName string) string {
	var slug strings.Builder
	gap := false
	for _, r := range strings.ToLower(displayName) {
		if r < 'a' || r > 'z' {
			if r < '0' || r > '9' {
				gap = slug.Len() > 0
				continue
			}
		}
		if gap {
			slug.WriteByte('_')
		}
		gap = false
		slug.WriteRune(r)
		if slug.Len() >= maxGroupName {
			break
		}
	}
	if slug.Len() == 0 {
		return "group"
	}
	return slug.String()
}
