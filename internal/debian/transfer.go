package debian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// retryablehttp supplies the judgement (what is worth another try, how long to
// wait, Retry-After), but not the loop: it repeats a request as it was, while
// a download that was cut goes on with another Range.

// maxUnknown bounds a file whose size nothing signed tells: a release file,
// which has some hundred kilobytes.
const maxUnknown = 16 << 20

// longestWait bounds the wait between two attempts.
const longestWait = 20 * time.Second

// newClient makes the default client. Reading is watched by the transfer, so
// the client sets no time limit for a whole answer.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       30 * time.Second,
		DisableCompression:    true, // the checksums are those of the files as they are
		ForceAttemptHTTP2:     true,
	}}
}

// statusError is an answer that is not what was asked for.
type statusError struct {
	url    string
	status int
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answers %d %s", e.url, e.status, http.StatusText(e.status))
}

// notFound says that the mirror does not have the file.
func notFound(err error) bool {
	var s *statusError
	return errors.As(err, &s) && (s.status == http.StatusNotFound || s.status == http.StatusGone)
}

// errStalled is the cause of a transfer that was given up for lack of bytes.
var errStalled = errors.New("no data")

// dialFailed says that no connection came to be, so that another mirror is
// worth more than another try.
func dialFailed(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial"
}

// ofDisk says that it is this host's disk that failed, and no mirror.
func ofDisk(err error) bool {
	_, ok := errors.AsType[*fs.PathError](err)
	return ok
}

// transfer brings one address to one file.
type transfer struct {
	client   *http.Client
	patience Patience
	log      func(string)
	last     bool          // no other mirror is left: then also a failed connection is tried again
	grown    func(n int64) // told of bytes as they come, and of a negative number when they are dropped
}

// get appends what url holds to out, which has some of it already or nothing.
// size is the expected length in bytes. Failures that may pass are tried
// again, going on where the last attempt stopped. A last attempt that fails
// leaves what came so far. A size below 0 stands for a file that may change at
// any time: it always comes whole, and has at most maxUnknown bytes.
func (t *transfer) get(ctx context.Context, url string, out *os.File, size int64) error {
	for attempt := 0; ; attempt++ {
		resp, err := t.once(ctx, url, out, size)
		if err == nil {
			return nil
		}
		again, _ := retryablehttp.DefaultRetryPolicy(ctx, resp, transportError(resp, err))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if ofDisk(err) || !again || attempt+1 >= t.patience.Attempts || dialFailed(err) && !t.last {
			return err
		}
		wait := min(longestWait, retryablehttp.DefaultBackoff(t.patience.Wait, longestWait, attempt, resp))
		t.log(fmt.Sprintf("%v; trying again in %v", err, wait.Round(time.Millisecond)))
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// transportError is the error as the retry policy wants it: an answer with a
// bad status is no error there, an answer that broke off is one.
func transportError(resp *http.Response, err error) error {
	var s *statusError
	if resp != nil && errors.As(err, &s) {
		return nil
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// once makes one attempt. The response is given for its status and headers
// only; its body is closed.
func (t *transfer) once(ctx context.Context, url string, out *os.File, size int64) (*http.Response, error) {
	if size < 0 {
		if err := t.drop(out); err != nil {
			return nil, err
		}
	}
	have, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if size >= 0 && have >= size && have > 0 { // more than there should be, or all of it: the checksum decides
		return nil, nil
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	watch := time.AfterFunc(t.patience.Stall, func() {
		stop(fmt.Errorf("%s: %w for %v", url, errStalled, t.patience.Stall))
	})
	defer watch.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "floe")
	if have > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, stallOr(ctx, err)
	}
	defer resp.Body.Close()
	if err := t.position(resp, out, have, size); err != nil {
		return resp, err
	}
	return resp, stallOr(ctx, t.copy(resp, out, size, watch))
}

// stallOr puts the watchdog's reason in place of the bare cancellation that it
// caused.
func stallOr(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errStalled) {
		return context.Cause(ctx)
	}
	return err
}

// position brings out to the place at which the answer's bytes belong: its end
// when the server goes on from there, else its start.
func (t *transfer) position(resp *http.Response, out *os.File, have, size int64) error {
	switch {
	case resp.StatusCode == http.StatusPartialContent && have > 0 && continues(resp.Header.Get("Content-Range"), have, size):
		return nil
	case resp.StatusCode == http.StatusOK, resp.StatusCode == http.StatusPartialContent, resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		if have > 0 {
			if err := t.drop(out); err != nil {
				return err
			}
		}
		if resp.StatusCode == http.StatusOK {
			return nil
		}
		return fmt.Errorf("%s did not go on at byte %d", resp.Request.URL, have) // the next attempt starts anew
	}
	return &statusError{url: resp.Request.URL.String(), status: resp.StatusCode}
}

// drop empties out.
func (t *transfer) drop(out *os.File) error {
	size, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	t.grown(-size)
	if err := out.Truncate(0); err != nil {
		return err
	}
	_, err = out.Seek(0, io.SeekStart)
	return err
}

// continues checks "bytes first-last/length" against what was asked for.
func continues(header string, have, size int64) bool {
	rest, ok := strings.CutPrefix(header, "bytes "+strconv.FormatInt(have, 10)+"-")
	_, length, _ := strings.Cut(rest, "/")
	return ok && (length == "*" || length == strconv.FormatInt(size, 10))
}

// copy writes the body to out and feeds the watchdog. A body longer than it
// can be is cut one byte after that: enough for the check to fail.
func (t *transfer) copy(resp *http.Response, out *os.File, size int64, watch *time.Timer) error {
	buf := make([]byte, 256<<10)
	at, err := out.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	limit := size
	if size < 0 {
		limit = maxUnknown
	}
	for {
		n, err := resp.Body.Read(buf)
		watch.Reset(t.patience.Stall)
		if at+int64(n) > limit {
			n, err = int(limit-at)+1, io.EOF
		}
		if n > 0 {
			if _, werr := out.Write(buf[:n]); werr != nil {
				return werr
			}
			at += int64(n)
			t.grown(int64(n))
		}
		switch {
		case err == io.EOF && size >= 0 && at < size:
			return fmt.Errorf("%s ended after %d of %d bytes", resp.Request.URL, at, size)
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", resp.Request.URL, err)
		}
	}
}
