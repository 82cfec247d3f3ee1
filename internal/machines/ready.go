package machines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"floe/internal/fault"
	"floe/steps"
)

// Dialer reaches unix sockets inside a machine; sshclient.Client is one.
type Dialer interface {
	DialUnix(ctx context.Context, path string) (net.Conn, error)
}

// sockets are where the runtimes listen in a machine.
var sockets = map[string]string{
	steps.Docker: "/run/docker.sock",
	steps.Podman: "/run/podman/podman.sock",
}

// Version asks a runtime's API in a machine which version it is, by
// GET /version of the Docker Engine API, which podman answers as well. That it
// is answered is what "ready" means.
func Version(ctx context.Context, d Dialer, runtime string) (string, error) {
	socket, ok := sockets[runtime]
	if !ok {
		return "", fault.New(fault.Usage, "ask runtime", runtime, errors.New("floe does not know how it is reached"), "")
	}
	fail := func(err error) (string, error) {
		return "", fault.New(fault.Build, "ask "+runtime+" in the machine for its version at", socket, err,
			"its log is /var/log/"+runtime+"/current in the machine")
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialUnix(ctx, socket)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+runtime+"/version", nil)
	if err != nil {
		return fail(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return fail(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fail(fmt.Errorf("it answers %s", answer.Status))
	}
	var body struct{ Version string }
	const limit = 1 << 20
	if err := json.NewDecoder(io.LimitReader(answer.Body, limit)).Decode(&body); err != nil {
		return fail(err)
	}
	if body.Version == "" {
		return fail(errors.New("its answer names no version"))
	}
	return body.Version, nil
}
