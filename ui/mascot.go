package ui

import (
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
)

// art is a drawing in text: once in dots, two to a character cell, for where
// there is colour; once in ASCII for everywhere else. A dot is a letter that
// says what it is. The ASCII drawing has one of the same shape beside it, of
// such letters.
type art struct {
	dots         []string
	ascii, paint []string
}

// mascots are those who live on the floe, by the runtime of the image. At most
// 8 rows of 24 columns each. The penguin, "", is the house's own, and stands
// for an image without a runtime and for a runtime without a drawing; the whale
// and the seal are docker and podman.
var mascots = map[string]art{
	"": {
		dots: []string{
			".........bbbbbb.........",
			"........bbbbbbbb........",
			".......bbffbbffbb.......",
			".......bbfebbefbb.......",
			".......bbffnnffbb.......",
			".......bbbfnnfbbb.......",
			"......bbbffffffbbb......",
			".....bbbffffffffbbb.....",
			".....bbffffffffffbb.....",
			".....bbffffffffffbb.....",
			".....b.bffffffffb.b.....",
			".......bbffffffbb.......",
			"..iiiinnniiiiiinnniiii..",
			".iiiiiiiiiiiiiiiiiiiiii.",
			"wwddddddddddddddddddddww",
			"ww.ddddddddddddddddd.www",
		},
		ascii: []string{
			`        .-"""-.`,
			`       /  o o  \`,
			`       |   v   |`,
			`      /| /   \ |\`,
			`     ( | \___/ | )`,
			`   ____\_^___^_/____`,
			`  /_________________\`,
			` ~~~~ ~~~ ~~~~~ ~~ ~~~`,
		},
		paint: []string{
			`        fffffff`,
			`       f  f f  f`,
			`       f   n   f`,
			`      ff f   f ff`,
			`     f f fffff f f`,
			`   iiiiffnfffnffiiii`,
			`  iiiiiiiiiiiiiiiiiii`,
			` wwww www wwwww ww www`,
		},
	},
	"docker": {
		dots: []string{
			".....f.f................",
			"....f.f.f...............",
			"......f........vv...vv..",
			"......f........vvvvvvv..",
			"....vvvvvv.......vvv....",
			"..vvvvvvvvvvv.....vv....",
			".vvvvvvvvvvvvvv..vvv....",
			".vvvvvvvvvvvvvvvvvvv....",
			".vvevvvvvvvvvvvvvvvv....",
			".vvvvvvvvvvvvvvvvvv.....",
			".ffffvvvvvvvvvvvvvv.....",
			"..fffffffffvvvvvvv......",
			"..iiifffvvvfffvviiiiii..",
			".iiiiiiivvviiiiiiiiiiii.",
			"wwddddddddddddddddddddww",
			"ww.ddddddddddddddddd.www",
		},
		ascii: []string{
			`     ':':'`,
			`    .--'--.     \__ __/`,
			`  .'       '.     ) (`,
			` /  o        '---'  /`,
			` \___              /`,
			`  _'_'--._______.-'__`,
			` /___________________\`,
			` ~~~~ ~~~ ~~~~~ ~~ ~~~`,
		},
		paint: []string{
			`     wwwww`,
			`    vvvvvvv     vvvvvvv`,
			`  vv       vv     v v`,
			` v  f        vvvvv  v`,
			` vvvv              v`,
			`  ivivvvvvvvvvvvvvvii`,
			` iiiiiiiiiiiiiiiiiiiii`,
			` wwww www wwwww ww www`,
		},
	},
	"podman": {
		dots: []string{
			"........................",
			"......sssssss...........",
			".....sssssssss..........",
			"....ssesssssess.........",
			"....ssesfffsess.........",
			"....ssffeeeffss.........",
			"....ssfffefffss.........",
			".....ssfffffss..........",
			"......sssssssss.......ss",
			"....sssssssssssss....ss.",
			"...ssfffffssssssssssss..",
			"...ssffffsssssssssssss..",
			"..iissffiisssssssiiiss..",
			".iisssiisssiiiiiiiiiiii.",
			"wwddddddddddddddddddddww",
			"ww.ddddddddddddddddd.www",
		},
		ascii: []string{
			`      .-""-.`,
			`     / o  o \`,
			`    (  =()=  )`,
			`     \      /'--.`,
			`     /          '-.__.<`,
			`  __(_/_\_________.__\_`,
			` /___________________\`,
			` ~~~~ ~~~ ~~~~~ ~~ ~~~`,
		},
		paint: []string{
			`      ssssss`,
			`     s f  f s`,
			`    s  ffff  s`,
			`     s      sssss`,
			`     s          sssssss`,
			`  iissssssssssssssssssi`,
			` iiiiiiiiiiiiiiiiiiiii`,
			` wwww www wwwww ww www`,
		},
	},
}

// pigments are the colours of the letters in drawings; they differ little
// between backgrounds, since each drawing holds its own contrast.
var pigments = map[byte]role{
	'b': {hue{"4", "67", "#52779b"}, hue{"4", "24", "#2f5573"}},     // back and wings
	'f': {hue{"15", "255", "#eef4f8"}, hue{"15", "255", "#f4f8fb"}}, // front
	'e': {hue{"0", "234", "#1b2430"}, hue{"0", "234", "#1b2430"}},   // eyes
	'n': {hue{"11", "215", "#f2a65a"}, hue{"3", "208", "#e08a2e"}},  // beak and feet
	'i': {hue{"14", "153", "#b5e2f8"}, hue{"14", "117", "#8fcdec"}}, // ice
	'd': {hue{"6", "74", "#6cb2d6"}, hue{"6", "74", "#5aa6cf"}},     // ice below
	'w': {hue{"12", "31", "#2b6f93"}, hue{"12", "31", "#2b6f93"}},   // water
	'v': {hue{"12", "68", "#5087c7"}, hue{"4", "25", "#2c64a8"}},    // whale
	's': {hue{"7", "246", "#9aa4ad"}, hue{"8", "243", "#77828c"}},   // seal
}

// Mascot draws the house's penguin on its ice floe, in at most 8 rows of 24
// columns.
func Mascot(s Styles) string { return s.Mascot("") }

// Mascot draws who stands for a container runtime, as the plan names it:
// "docker", "podman", "none" or "". Of several, the first one is drawn.
func (s Styles) Mascot(runtime string) string {
	first, _, _ := strings.Cut(runtime, ",")
	a, ok := mascots[first]
	if !ok {
		a = mascots[""]
	}
	var b strings.Builder
	if s.ascii || s.profile <= colorprofile.ASCII {
		for i, line := range a.ascii {
			b.WriteString(s.paint(line, a.paint[i]) + "\n")
		}
		return b.String()
	}
	for i := 0; i+1 < len(a.dots); i += 2 {
		b.WriteString(s.dots(a.dots[i], a.dots[i+1]) + "\n")
	}
	return b.String()
}

// paint colours a line of text, a run of equal letters at a time. What is
// white among dots is the terminal's own text here.
func (s Styles) paint(line, letters string) string {
	var b strings.Builder
	for i := 0; i < len(line); {
		j := i + 1
		for j < len(line) && letters[j] == letters[i] {
			j++
		}
		style := s.Text
		if r, ok := pigments[letters[i]]; ok && letters[i] != 'f' && s.profile > colorprofile.ASCII {
			style = style.Foreground(s.pick(r))
		}
		b.WriteString(style.Render(line[i:j]))
		i = j
	}
	return b.String()
}

// dots draws two rows of dots as one row of half blocks.
func (s Styles) dots(upper, lower string) string {
	var b strings.Builder
	for i := 0; i < len(upper); {
		j := i + 1
		for j < len(upper) && upper[j] == upper[i] && lower[j] == lower[i] {
			j++
		}
		b.WriteString(s.halves(upper[i], lower[i], j-i))
		i = j
	}
	return strings.TrimRight(b.String(), " ")
}

func (s Styles) halves(upper, lower byte, n int) string {
	style := lipgloss.NewStyle()
	switch {
	case upper == '.' && lower == '.':
		return strings.Repeat(" ", n)
	case upper == '.':
		return style.Foreground(s.pick(pigments[lower])).Render(strings.Repeat("▄", n))
	case upper == lower:
		return style.Foreground(s.pick(pigments[upper])).Render(strings.Repeat("█", n))
	case lower != '.':
		style = style.Background(s.pick(pigments[lower]))
	}
	return style.Foreground(s.pick(pigments[upper])).Render(strings.Repeat("▀", n))
}
