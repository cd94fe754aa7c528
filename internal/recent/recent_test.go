package recent_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"manifold/internal/recent"
)

func lengths(key, value string) int64 { return int64(len(key) + len(value)) }

func TestCache(t *testing.T) {
	c := recent.New(10, lengths)
	kept := func(want string) {
		t.Helper()
		var got []string
		weight := int64(0)
		for _, key := range []string{"a", "b", "c", "d"} {
			if v, ok := c.Get(key); ok {
				got = append(got, key+v)
				weight += lengths(key, v)
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("kept are %q, want %q", s, want)
		}
		if count, bytes := c.Size(); count != len(got) || bytes != weight {
			t.Errorf("%d values of %d bytes are said to be kept, it is %d of %d", count, bytes, len(got), weight)
		}
	}
	kept("")
	c.Set("a", "11")
	c.Set("b", "22")
	c.Set("c", "33")
	kept("a11 b22 c33")
	c.Get("a")
	c.Set("d", "4") // b was not asked for longest
	kept("a11 c33 d4")
	c.Set("a", "5") // takes the place of the old one
	kept("a5 c33 d4")
	c.Set("a", "1234567890") // more than all
	kept("c33 d4")
	c.Set("b", "123456789")
	kept("b123456789")
	c.Clear()
	kept("")
	c.Set("a", "1")
	kept("a1")
}

// Whatever many do at once, no more is kept than may be, and the sum is right.
func TestCacheOfMany(t *testing.T) {
	c := recent.New(500, lengths)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				key := strconv.Itoa((i*7 + worker) % 90)
				if v, ok := c.Get(key); ok && !strings.HasPrefix(v, key) {
					t.Errorf("%q has the value of another, %q", key, v)
				}
				c.Set(key, key+strings.Repeat("x", i%20))
			}
		})
	}
	wg.Wait()
	count, bytes := c.Size()
	sum := int64(0)
	for i := range 90 {
		key := strconv.Itoa(i)
		if v, ok := c.Get(key); ok {
			sum += lengths(key, v)
		}
	}
	if sum != bytes || bytes > 500 || count == 0 {
		t.Errorf("%d values are said to weigh %d, and weigh %d; at most 500 may be kept", count, bytes, sum)
	}
}
