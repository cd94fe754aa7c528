package outbound

import "net/netip"

// block is a range of addresses that is not part of the public internet.
type block struct {
	prefix netip.Prefix
	kind   string
}

// blocks4 follows the IANA IPv4 special-purpose registry (RFC 6890), with the
// multicast and reserved classes.
var blocks4 = []block{
	{netip.MustParsePrefix("0.0.0.0/8"), "this network"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "carrier-grade NAT"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	// Azure's metadata service: a public address that is answered by the host
	// of the virtual machine.
	{netip.MustParsePrefix("168.63.129.16/32"), "cloud metadata"},
	// Home of 169.254.169.254, where most clouds hand out credentials.
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.0.0.0/24"), "protocol assignments"},
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relay"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
}

// blocks6 names ranges for the error message and lists the exceptions inside
// 2000::/3; whatever else lies outside 2000::/3 is refused too.
var blocks6 = []block{
	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("::/96"), "IPv4-compatible"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "local NAT64"}, // RFC 8215
	{netip.MustParsePrefix("fc00::/7"), "private"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fec0::/10"), "site-local"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
	{netip.MustParsePrefix("2001::/23"), "protocol assignments"},
	{netip.MustParsePrefix("2001:db8::/32"), "documentation"},
	{netip.MustParsePrefix("3fff::/20"), "documentation"}, // RFC 9637
}

var (
	global6 = netip.MustParsePrefix("2000::/3")     // RFC 4291 2.4, the only range handed out so far
	nat64   = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052 2.1
	sixTo4  = netip.MustParsePrefix("2002::/16")    // RFC 3056 2
	teredo  = netip.MustParsePrefix("2001::/32")    // RFC 4380 4
)

// forbiddenKind says what is special about an address that nothing may be sent
// to, or "" for a public one. IPv6 addresses that only wrap an IPv4 address are
// judged by what they wrap, since that is where a translator sends the packets.
func forbiddenKind(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return kindIn(blocks4, addr)
	}
	b := addr.As16()
	switch {
	case nat64.Contains(addr):
		return carried("NAT64", b[12:16])
	case sixTo4.Contains(addr):
		return carried("6to4", b[2:6])
	case teredo.Contains(addr):
		// The server's address, then the client's with all bits inverted.
		client := []byte{^b[12], ^b[13], ^b[14], ^b[15]}
		if kind := carried("Teredo", b[4:8]); kind != "" {
			return kind
		}
		return carried("Teredo", client)
	}
	if kind := kindIn(blocks6, addr); kind != "" {
		return kind
	}
	if !global6.Contains(addr) {
		return "not globally routed"
	}
	return ""
}

func carried(wrapper string, ipv4 []byte) string {
	inner, _ := netip.AddrFromSlice(ipv4)
	if kind := kindIn(blocks4, inner); kind != "" {
		return kind + " in " + wrapper
	}
	return ""
}

func kindIn(blocks []block, addr netip.Addr) string {
	for _, b := range blocks {
		if b.prefix.Contains(addr) {
			return b.kind
		}
	}
	return ""
}
