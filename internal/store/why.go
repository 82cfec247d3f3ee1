package store

// Why says which inputs of key differ from those of the entry of the same
// stage that was used last: why a build is needed. It gives nil if key's own
// entry is there, and "first build" if the stage has no entry.
func (s *Store) Why(key *Key) []string {
	list, err := s.Entries()
	if err != nil {
		return nil
	}
	var last *Entry
	for i, e := range list {
		if e.Key == key.Hex() {
			return nil
		}
		if last == nil && e.Stage == key.stage {
			last = &list[i]
		}
	}
	if last == nil {
		return []string{"first build"}
	}
	return differ(last.Parts, key.parts)
}

// differ says in words how two lists of parts differ.
func differ(before, now []Part) []string {
	old := map[string]string{}
	for _, p := range before {
		old[p.Name] = p.Value
	}
	var why []string
	seen := map[string]bool{}
	for _, p := range now {
		was, had := old[p.Name]
		switch {
		case !had:
			why = append(why, "new: "+p.Name)
		case was != p.Value:
			why = append(why, p.Name+": "+was+" → "+p.Value)
		}
		seen[p.Name] = true
	}
	for _, p := range before {
		if !seen[p.Name] {
			why = append(why, "gone: "+p.Name)
		}
	}
	return why
}
