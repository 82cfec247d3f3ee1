package keysource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"floe/internal/fault"
	"floe/steps"
)

// Service is a site that publishes the ssh keys of its users.
type Service struct {
	Name string // for people
	Base string // address, without a slash at its end
	path string // of a user's keys, with one %s for the name
}

// Services are the known sites.
func Services() []Service {
	return []Service{
		{Name: "GitHub", Base: "https://github.com", path: "/%s.keys"},
		{Name: "GitLab", Base: "https://gitlab.com", path: "/%s.keys"},
		{Name: "Launchpad", Base: "https://launchpad.net", path: "/~%s/+sshkeys"},
	}
}

// At gives the same service at another address.
func (s Service) At(base string) Service {
	s.Base = strings.TrimRight(base, "/")
	return s
}

// What can be wrong with an import, beside a name that is no name.
var (
	ErrUnknownUser = errors.New("there is no such user")
	ErrNoKeys      = errors.New("the user has no ssh keys there")
	ErrOffline     = errors.New("it cannot be reached")
	ErrRateLimited = errors.New("it has been asked too often")
)

const (
	importPatience = 20 * time.Second
	maxAnswer      = 256 << 10 // bytes; some hundred keys
)

// userName is what any of the services allows; it also keeps a name from
// becoming another path.
var userName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,254}$`)

// Import fetches the public keys of a user. Keys that Floe's ssh server does
// not take are given too, and flagged.
func (s Service) Import(ctx context.Context, client *http.Client, user string) ([]Key, error) {
	const op = "fetch ssh keys"
	on := s.Name + ", " + user
	user = strings.TrimSpace(user)
	if !userName.MatchString(user) {
		return nil, fault.New(fault.Usage, op, s.Name, errors.New("a user name is letters, digits, dots and dashes"), "")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, importPatience, ErrOffline)
	defer cancel()
	body, err := s.get(ctx, client, user)
	switch {
	case errors.Is(err, ErrUnknownUser), errors.Is(err, ErrNoKeys):
		return nil, fault.New(fault.Usage, op, on, err, "Look at the spelling, or paste the key.")
	case errors.Is(err, ErrRateLimited):
		return nil, fault.New(fault.Network, op, on, err, "Try again later, or paste the key.")
	case errors.Is(err, ErrOffline):
		return nil, fault.New(fault.Network, op, on, err, "Check the network, or take a key of this machine.")
	case err != nil:
		return nil, fault.New(fault.Network, op, on, err, "")
	}
	return readList(body, s.Name+", "+user, on)
}

// get asks for a user's list.
func (s Service) get(ctx context.Context, client *http.Client, user string) ([]byte, error) {
	address := s.Base + fmt.Sprintf(s.path, url.PathEscape(user))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "floe")
	req.Header.Set("Accept", "text/plain")
	// A redirection leads to a page for people: GitLab sends strangers who
	// ask for an unknown user to its sign-in page.
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := own.Do(req)
	if err != nil {
		if ctx.Err() != nil && context.Cause(ctx) != ErrOffline {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", ErrOffline, plainly(err))
	}
	defer resp.Body.Close()
	if err := judge(resp); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrOffline, err)
	case len(body) > maxAnswer:
		return nil, errors.New("the answer is too long to be a list of keys")
	}
	return body, nil
}

// judge turns an answer's status into an error.
func judge(resp *http.Response) error {
	limited := resp.Header.Get("Retry-After") != "" || resp.Header.Get("X-RateLimit-Remaining") == "0" ||
		resp.Header.Get("RateLimit-Remaining") == "0"
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		return nil
	case code == http.StatusTooManyRequests, code == http.StatusForbidden && limited:
		return ErrRateLimited
	case code == http.StatusNotFound, code == http.StatusGone, code >= 300 && code < 400:
		return ErrUnknownUser
	}
	return fmt.Errorf("it answers %s", resp.Status)
}

// plainly leaves out of an error what net/http says around the reason.
func plainly(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// readList reads keys, one a line. Lines that are no keys are left out, unless
// there are no others.
func readList(body []byte, from, on string) ([]Key, error) {
	var keys []Key
	var bad error
	for line := range strings.Lines(string(body)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		found, err := steps.ReadKeys([]byte(line))
		if err != nil {
			bad = err
			continue
		}
		k := found[0]
		keys = append(keys, Key{PublicKey: k, Value: k.Line, From: from})
	}
	switch {
	case len(keys) > 0:
		return keys, nil
	case bad != nil:
		return nil, fault.New(fault.Network, "fetch ssh keys", on, errors.New("the answer is no list of keys"), "Paste the key instead.")
	}
	return nil, fault.New(fault.Usage, "fetch ssh keys", on, ErrNoKeys, "Look at the spelling, or paste the key.")
}
