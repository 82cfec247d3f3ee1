package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"floe/internal/arch"
	"floe/internal/fault"
	"floe/steps"
	"floe/ui"
)

// planFile is the plan that is read without being named, if it is there.
const planFile = "floe.toml"

// addPlanFlags gives the command one flag for each of the steps that are
// named, or for all of them.
func addPlanFlags(cmd *cobra.Command, keys ...string) {
	flags := cmd.Flags()
	flags.StringP("config", "c", "", "plan to read, a `FILE` such as that of 'floe plan --save'; "+planFile+" in this folder is read unnamed")
	for _, step := range steps.All() {
		if len(keys) > 0 && !slices.Contains(keys, step.Key) {
			continue
		}
		usage := "`" + step.Value + "` " + step.Help
		if step.Many {
			flags.StringArrayP(step.Key, step.Short, nil, usage)
		} else {
			flags.StringP(step.Key, step.Short, "", usage)
		}
		flags.Lookup(step.Key).DefValue = step.Default
		if len(step.Choices) > 0 {
			_ = cmd.RegisterFlagCompletionFunc(step.Key, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				return slices.Concat(step.Names(), flags.Lookup(step.Key).Annotations[alsoChoices]), cobra.ShellCompDirectiveNoFileComp
			})
		}
	}
}

// alsoChoices names further answers to a flag, for shells that complete them.
const alsoChoices = "also"

// resolvePlan makes the plan from flags, then what is known, such as of an image, then
// the environment, then the file.
func resolvePlan(cmd *cobra.Command, known ...steps.Source) (*steps.Plan, steps.Origins, error) {
	sources, err := planSources(cmd, arch.Host(), known...)
	if err != nil {
		return nil, nil, err
	}
	return steps.Resolve(sources...)
}

// planSources are the answers for one architecture, where the environment or a file may
// name several: this machine's, if it is among them.
func planSources(cmd *cobra.Command, host arch.Arch, known ...steps.Source) ([]steps.Source, error) {
	sources, err := planAnswers(cmd, known...)
	for i, s := range sources {
		if i > 0 { // flags come first, and name what is wanted
			sources[i] = narrow(s, host)
		}
	}
	return sources, err
}

// planAnswers are where the plan's answers come from; the first one that has an answer
// counts.
func planAnswers(cmd *cobra.Command, known ...steps.Source) ([]steps.Source, error) {
	sources := append([]steps.Source{flagSource(cmd)}, known...)
	sources = append(sources, steps.Environment(os.LookupEnv))
	if path := planPath(cmd); path != "" {
		file, err := steps.Load(path)
		if err != nil {
			return nil, err
		}
		sources = append(sources, file)
	}
	return sources, nil
}

// planPath is the plan's file that is read: the one that was named, else the one in
// this folder, else none.
func planPath(cmd *cobra.Command) string {
	path, _ := cmd.Flags().GetString("config")
	if path == "" {
		if _, err := os.Stat(planFile); err == nil {
			path = planFile
		}
	}
	return path
}

func flagSource(cmd *cobra.Command) steps.Source {
	given := map[string][]string{}
	for _, step := range steps.All() {
		flag := cmd.Flags().Lookup(step.Key)
		switch {
		case flag == nil || !flag.Changed:
		case step.Many:
			given[step.Key], _ = cmd.Flags().GetStringArray(step.Key)
		default:
			given[step.Key] = []string{flag.Value.String()}
		}
	}
	return steps.Source{Name: "flag", Given: given}
}

func planCommand(out *terminal) *cobra.Command {
	var explain, asTOML bool
	var save string
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Print the plan: every answer, and where it comes from",
		Long: "The plan is everything that decides what floe builds. Each answer comes from a flag,\n" +
			"else from the environment, else from floe.toml, else it is the default. What the wizard was\n" +
			"told last is not among them: its 'Resume' goes on with that, and s in its review makes a floe.toml of it.",
		Example: "  floe plan --hostname box --save floe.toml\n  floe plan --explain",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if explain {
				explainSteps(out)
				return nil
			}
			if asTOML {
				if err := overwritesPlan(out.Out, planPath(cmd)); err != nil {
					return err
				}
			}
			if asTOML || save != "" {
				if err := onePlan(cmd); err != nil {
					return err
				}
			}
			plan, origins, err := resolvePlan(cmd)
			switch {
			case err != nil:
				return err
			case asTOML:
				_, err := plan.WriteTo(out.Out)
				return err
			case save != "":
				return savePlan(plan, save)
			}
			var rows [][3]string
			for _, s := range steps.All() {
				rows = append(rows, [3]string{s.Key, strings.Join(s.Values(plan), "\n"), origins[s.Key]})
			}
			out.planTable(rows)
			out.hints(plan)
			return nil
		},
	}
	addPlanFlags(cmd)
	cmd.Flags().BoolVar(&explain, "explain", false, "say what each key means instead")
	cmd.Flags().BoolVar(&asTOML, "toml", false, "print it as floe.toml instead")
	cmd.Flags().StringVar(&save, "save", "", "write it to a `FILE` instead; what it keeps of "+planFile+" stays, as that is read first")
	cmd.MarkFlagsMutuallyExclusive("explain", "toml", "save")
	return cmd
}

// savePlan writes the plan's file: the whole of it or nothing.
func savePlan(plan *steps.Plan, path string) error {
	text, err := encodePlan(plan)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(path, text, 0o644); err != nil {
		return fault.New(fault.Missing, "save the plan", path, err, "Name a file in a folder that is there and can be written to.")
	}
	return nil
}

// overwritesPlan refuses to print the plan into the file that it is read from: the
// shell has emptied that before floe could read it.
func overwritesPlan(out io.Writer, path string) error {
	f, ok := out.(*os.File)
	if !ok || path == "" {
		return nil
	}
	to, err := f.Stat()
	if err != nil {
		return nil // what cannot be looked at is no plan
	}
	from, err := os.Stat(path)
	if err != nil || !from.Mode().IsRegular() || !os.SameFile(to, from) {
		return nil
	}
	return fault.New(fault.Usage, "print the plan", path,
		errors.New("the output goes to the file that the plan is read from; with '>' the shell has emptied it already"),
		"Put back what was in it, if anything was, and use 'floe plan --save "+steps.ShellWord(path)+"'.")
}

func explainSteps(out *terminal) {
	for _, s := range steps.All() {
		fmt.Fprintf(out.Out, "%s\n    %s\n", s.Key, s.Help)
		if s.Kind == steps.Codes {
			fmt.Fprintln(out.Out, strings.TrimRight(strings.Join(ui.CodeLines(), "\n    "), " "))
		}
		if s.Default != "" {
			fmt.Fprintf(out.Out, "    default: %s\n", s.Default)
		}
		fmt.Fprintf(out.Out, "    flag: --%s   environment: %s\n\n", s.Key, s.Env())
	}
}

// noArguments refuses arguments in words.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fault.New(fault.Usage, "understand", args[0], fmt.Errorf("'%s' takes no such argument", cmd.CommandPath()),
		"'"+cmd.CommandPath()+" --help' shows what it takes.")
}
