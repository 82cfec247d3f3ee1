package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"floe/assemble"
	"floe/internal/arch"
	"floe/internal/fault"
	"floe/steps"
	"floe/ui"
)

func mirrorCommand(out *terminal) *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "serve [NAME ...]",
		Short: "Serve packages over HTTP to machines that load them",
		Long: "Makes packages, all that floe defines or those that are named, and serves them with a signed list of\n" +
			"their sums until Ctrl-C. On a machine 'tce-load -wi NAME' downloads from the address in tce.mirror=,\n" +
			"or in its /etc/floe/mirror, and takes what is signed by a key that its image was built with: floe's own, or\n" +
			"one of your agent's.",
		Example: "  floe serve\n  floe serve htop git --listen 0.0.0.0:8000",
		RunE: func(cmd *cobra.Command, args []string) error {
			plan, err := planHere(cmd, arch.Host())
			if err != nil {
				return err
			}
			return out.serve(cmd.Context(), plan, address, args)
		},
	}
	addPlanFlags(cmd, archKey, "mirror", "toolchain")
	archIsHosts(cmd)
	cmd.Flags().StringVar(&address, "listen", "127.0.0.1:8000", "`ADDRESS` to serve at; machines of 'floe run' reach 127.0.0.1 as 10.0.2.2")
	return cmd
}

// serve makes packages and serves them until ctx ends.
func (t *terminal) serve(ctx context.Context, plan *steps.Plan, address string, names []string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fault.New(fault.Usage, "serve packages at", address, err, "Name another address with --listen.")
	}
	defer listener.Close()
	s, err := t.openStore()
	if err != nil {
		return err
	}
	defer s.Close() // it guards what is served from pruning
	if len(names) == 0 {
		if names, err = assemble.PackageNames(); err != nil {
			return err
		}
	}
	sink, done := t.progress(ctx)
	list, err := t.builder(s, plan, sink).Packages(ctx, plan.Arch, names...)
	done()
	if err != nil {
		return err
	}
	sums := assemble.PackageSums(list)
	signatures, err := t.sign(ctx, sums)
	if err != nil {
		return err
	}
	files := http.NewServeMux()
	for _, p := range list {
		for _, ext := range []string{"", ".dep", ".info", ".sha256"} {
			files.HandleFunc("GET /"+path.Base(p.Path())+ext, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, p.Path()+ext) })
		}
	}
	for name, data := range map[string][]byte{assemble.SumsFile: sums, assemble.SignatureFile: signatures} {
		files.HandleFunc("GET /"+name, func(w http.ResponseWriter, _ *http.Request) { w.Write(data) })
	}
	if t.mode != ui.JSON {
		t.print(t.styles().Next(fmt.Sprintf("%d packages for %s are served at %s", len(list), plan.Arch, listener.Addr()), mirrorLines(listener.Addr())))
	}
	server := &http.Server{Handler: files, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// mirrorLines tell what a person types on a machine.
func mirrorLines(address net.Addr) []ui.Command {
	here := address.String()
	if host, port, err := net.SplitHostPort(here); err == nil && net.ParseIP(host).IsLoopback() {
		here = "10.0.2.2:" + port
	}
	return []ui.Command{
		{What: "tell a machine of 'floe run'", Line: "floe ssh 'echo http://" + here + " | sudo tee /etc/floe/mirror'"},
		{What: "load a package there", Line: "floe ssh tce-load -wi git"},
	}
}

// sign signs with floe's own key and with those of the person's agent.
func (t *terminal) sign(ctx context.Context, sums []byte) ([]byte, error) {
	signers, done, err := ownSigners(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	signatures, err := assemble.SignSums(sums, signers...)
	if err != nil && len(signers) > 1 { // an agent may refuse
		fmt.Fprintln(t.Err, "The agent did not sign: "+strings.TrimSpace(err.Error()))
		return assemble.SignSums(sums, signers[0]) // floe's own
	}
	return signatures, err
}
