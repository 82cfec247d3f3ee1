package assemble

import (
	"context"
	"os"
	"path/filepath"

	"floe/assets"
	"floe/internal/arch"
	"floe/internal/debian"
	"floe/internal/debian/deb"
	"floe/internal/report"
	"floe/internal/sandbox"
	"floe/internal/store"
	"floe/internal/userland"
)

// userlandVersion is the version of the code that builds the userland.
const userlandVersion = "1"

// userlandSources are the Debian source packages of the userland.
var userlandSources = []string{"busybox", "dropbear"}

// Userland gives the programs of the booted system for a: the files that
// userland.Build leaves.
func (b *Builder) Userland(ctx context.Context, a arch.Arch) (store.Entry, error) {
	return b.compiled(ctx, a, func(ctx context.Context, archive *debian.Archive, run sandbox.Runner, tools string) (store.Entry, error) {
		key := store.NewKey("userland/"+string(a), userlandVersion).
			String("tools", tools).String("time", assets.Date().String()).String("assets", assets.UserlandDigest())
		var sources []debian.SourcePackage
		for _, name := range userlandSources {
			s, err := archive.Source(ctx, name)
			if err != nil {
				return store.Entry{}, err
			}
			b.recordSource(s)
			sources = append(sources, s)
			key.String(name, s.Digest())
		}
		return b.stage(ctx, "userland/"+string(a), "Build the userland", key,
			func(ctx context.Context, dir string, stage *report.Stage) (string, error) {
				return "busybox and dropbear", b.buildUserland(ctx, a, run, sources, dir, stage)
			})
	})
}

func (b *Builder) buildUserland(ctx context.Context, a arch.Arch, run sandbox.Runner, sources []debian.SourcePackage, dir string, stage *report.Stage) error {
	work, remove, err := scratch(dir)
	if err != nil {
		return err
	}
	folders := map[string]string{}
	for _, s := range sources {
		paths, err := b.fetch(ctx, "fetch/"+s.Name, "Download the source of "+s.Name, s.Files)
		if err != nil {
			return err
		}
		files := map[string]string{}
		for i, f := range s.Files {
			files[f.Name()] = paths[i]
		}
		folders[s.Name] = filepath.Join(work, s.Name)
		if _, err := deb.UnpackSource(ctx, files, folders[s.Name]); err != nil {
			return err
		}
	}
	build := filepath.Join(work, "build")
	if err := os.Mkdir(build, 0o755); err != nil {
		return err
	}
	stage.Jobs(b.opt.Jobs)
	err = userland.Build(ctx, userland.Options{
		Arch: a, Host: b.opt.Host, Busybox: folders["busybox"], Dropbear: folders["dropbear"], Runner: run,
		Work: build, Out: dir, Jobs: b.opt.Jobs, Time: assets.Date(), Stage: stage, LogPath: b.log("userland-" + string(a)),
	})
	if err != nil {
		return err
	}
	return remove()
}

// recordSource remembers a source package for the lock file.
func (b *Builder) recordSource(s debian.SourcePackage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, known := range b.sources {
		if known.Name == s.Name && known.Version == s.Version {
			return
		}
	}
	b.sources = append(b.sources, s)
}
