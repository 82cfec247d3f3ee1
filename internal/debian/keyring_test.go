package debian

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// TestDebianKeyring checks the embedded keys against their fingerprints, and
// that they will do for the years in which Debian 13 is maintained.
func TestDebianKeyring(t *testing.T) {
	k, err := DebianKeyring()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(k.keys); n != 3 {
		t.Errorf("%d keys, want 3", n)
	}
	end := time.Date(2030, 6, 30, 0, 0, 0, 0, time.UTC) // of long term support
	for _, e := range k.keys {
		self, _ := e.PrimarySelfSignature()
		if self == nil || e.PrimaryKey.KeyExpired(self, end) {
			t.Errorf("key %s has expired by %s", fingerprint(e), end)
		}
		if bits, err := e.PrimaryKey.BitLength(); err != nil || e.PrimaryKey.PubKeyAlgo == packet.PubKeyAlgoRSA && bits < 4096 {
			t.Errorf("key %s: %d bits, %v", fingerprint(e), bits, err)
		}
	}
}

func TestVerify(t *testing.T) {
	old := today.AddDate(-3, 0, 0)
	good, stranger := newKey(t, old, 0), newKey(t, old, 0)
	expired := newKey(t, old, 24*time.Hour)
	text := "Codename: trixie\n- dashes\n\nend \n"
	cases := []struct {
		name   string
		signed []byte
		want   string // of the error; "" for none
	}{
		{"one good", sign(t, text, today, good), ""},
		{"a stranger's first", sign(t, text, today, stranger, good), ""},
		{"a stranger's last", sign(t, text, today, good, stranger), ""},
		{"an expired one beside it", sign(t, text, today, expired, good), ""},
		{"a clock that is a little behind", sign(t, text, today.Add(clockSkew/2), good), ""},
		{"strangers only", sign(t, text, today, stranger), "is not one of the archive's keys"},
		{"an expired key", sign(t, text, old.Add(time.Hour), expired), "key " + fingerprint(expired) + " has expired"},
		{"from the future", sign(t, text, today.Add(time.Hour), good), "not valid at this time"},
		{"two texts", append(sign(t, text, today, good), sign(t, text, today, good)...), "text follows"},
	}
	ring := publicKeys(t, good, expired)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, signer, err := ring.Verify(c.signed, today)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
					t.Fatalf("error %v, want %q", err, c.want)
				}
				return
			}
			if err != nil || signer != fingerprint(good) {
				t.Fatalf("signer %s, %v", signer, err)
			}
			if want := strings.ReplaceAll(text, "end \n", "end\n"); string(got) != text && string(got) != want {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestVerifyEveryByte changes each byte of a signed text in turn.
func TestVerifyEveryByte(t *testing.T) {
	key := newKey(t, today.AddDate(0, -1, 0), 0)
	ring := publicKeys(t, key)
	signed := sign(t, "Codename: trixie\nSHA256:\n abc 1 x\n", today, key)
	from := bytes.Index(signed, []byte("Codename"))
	to := bytes.Index(signed, []byte("\n-----BEGIN PGP SIGNATURE"))
	for i := from; i < to; i++ {
		bad := bytes.Clone(signed)
		bad[i] ^= 1
		if got, _, err := ring.Verify(bad, today); err == nil {
			t.Fatalf("byte %d changed, still verified as %q", i, got)
		}
	}
}

func TestRevokedKey(t *testing.T) {
	key := newKey(t, today.AddDate(-1, 0, 0), 0)
	signed := sign(t, "Codename: trixie\n", today, key)
	if err := key.RevokeKey(packet.KeyCompromised, "test", &packet.Config{Time: func() time.Time { return today }}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := publicKeys(t, key).Verify(signed, today.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("error %v", err)
	}
	var none openpgp.EntityList
	if _, _, err := (&Keyring{none}).Verify(signed, today); err == nil {
		t.Error("verified without keys")
	}
}
