package report

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

func TestStageTellsItsStory(t *testing.T) {
	var got []Event
	s := Start(Func(func(e Event) { got = append(got, e) }), "kernel/amd64", "Kernel")
	s.Progress(1, 2, Objects)
	s.Log("CC a.o")
	s.Done("built")
	var kinds []Kind
	for _, e := range got {
		kinds = append(kinds, e.Kind)
		if e.Stage != "kernel/amd64" || e.Time.IsZero() {
			t.Errorf("%+v", e)
		}
	}
	if want := []Kind{Started, Progress, Log, Done}; !reflect.DeepEqual(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
	if last := got[len(got)-1]; last.Elapsed <= 0 || last.Cached {
		t.Errorf("%+v", last)
	}
}

func TestFailGivesTheErrorBack(t *testing.T) {
	var last Event
	s := Start(Func(func(e Event) { last = e }), "x", "X")
	cause := errors.New("no space")
	if err := s.Fail(cause); err != cause || last.Kind != Failed || last.Text != "no space" {
		t.Errorf("%v %+v", err, last)
	}
}

func TestEventSurvivesJSON(t *testing.T) {
	var event Event
	s := Start(Func(func(e Event) { event = e }), "fetch", "Fetch")
	s.Cached("kept")
	line, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	var again Event
	if err := json.Unmarshal(line, &again); err != nil {
		t.Fatal(err)
	}
	if !again.Time.Equal(event.Time) {
		t.Errorf("%v became %v", event.Time, again.Time)
	}
	again.Time = event.Time
	if again != event {
		t.Errorf("%+v became %+v", event, again)
	}
}

func TestLinesJoinsPieces(t *testing.T) {
	var got []string
	w := Lines(func(l string) { got = append(got, l) })
	for _, piece := range []string{"on", "e\r\ntwo\n", "\nlast"} {
		if _, err := w.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	w.Close()
	if want := []string{"one", "two", "", "last"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
