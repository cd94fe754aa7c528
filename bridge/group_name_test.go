package bridge_test

import (
	"testing"

	"manifold/bridge"
	"manifold/models"
	"manifold/models/vocab"
)

// TestGroupsHaveNames: a group can be found as group@host, and is called like
// nothing else here.
func TestGroupsHaveNames(t *testing.T) {
	worlds(t, func(w *world) {
		ann := w.register("Ann")
		w.register("Chess_Club")
		names := map[string]string{}
		for _, group := range []struct{ called, nickname, want string }{
			{"Book Readers", "root", "book_readers"},
			{"Book  readers!", "", "book_readers_2"},
			{"Chess Club", "", "chess_club_2"}, // there is a person
			{"ANN", "", "ann_2"},
			{"API", "", "api_2"}, // there is a path
			{"Ünter den Linden", "", "nter_den_linden"},
			{"読書", "", "group"},
			{"", "", "group_2"},
			{"a very long name that nobody would ever want to write into a search box", "", "a_very_long_name_that_nobody_would_ever_w"},
		} {
			r, err := w.Post(t.Context(), bridge.Submission{ActorID: ann.ID, Activity: &vocab.Activity{Verb: vocab.VerbCreate,
				Object: &vocab.Object{Type: vocab.TypeGroup, DisplayName: group.called, PreferredUsername: group.nickname}}})
			if err != nil {
				t.Fatal(err)
			}
			g := w.actor(r.Activity.Object.ID)
			same(t, group.called, g.Doc.PreferredUsername, group.want)
			found, err := w.DB().LookupKind(t.Context(), models.KindActor, "acct:"+group.want+"@"+w.Names().Host)
			if err != nil || found != g.ID {
				t.Errorf("acct:%s is %d (%v), want %d", group.want, found, err, g.ID)
			}
			names[group.want] = g.Doc.ID
		}
		// Whoever comes later takes no name of a group, in whatever letters.
		for _, nick := range []string{"book_readers", "Book_Readers", "group"} {
			if _, err := w.Register(t.Context(), bridge.Registration{Nickname: nick, Password: "secret password"}); bridge.ReasonOf(err) != bridge.Exists {
				t.Errorf("registering %s: %v", nick, err)
			}
		}
		// The name stays when the group is called otherwise.
		if _, err := w.Post(t.Context(), bridge.Submission{ActorID: ann.ID, Activity: &vocab.Activity{Verb: vocab.VerbUpdate,
			Object: &vocab.Object{ID: names["book_readers"], Type: vocab.TypeGroup, DisplayName: "Readers of books", PreferredUsername: "other"}}}); err != nil {
			t.Fatal(err)
		}
		id, err := w.DB().LookupKind(t.Context(), models.KindActor, names["book_readers"])
		if err != nil {
			t.Fatal(err)
		}
		g := w.actor(id)
		same(t, "name", g.Doc.DisplayName, "Readers of books")
		same(t, "nickname", g.Doc.PreferredUsername, "book_readers")
	})
}
