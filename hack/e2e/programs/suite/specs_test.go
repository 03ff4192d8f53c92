package suite

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
)

// result is what hack/conformance reads, one line each, while the suite runs.
type result struct {
	Name     string  `json:"name"`
	State    string  `json:"state"`
	Seconds  float64 `json:"seconds"`
	Message  string  `json:"message,omitempty"`
	Location string  `json:"location,omitempty"`
}

// reportTo appends a line of JSON to the file for each spec that ends. To be called after the framework has read its
// flags: it tries all specs without running them then, and ginkgo forgets what was registered before.
func reportTo(path string) {
	ginkgo.ReportAfterEach(func(report ginkgo.SpecReport) {
		// A spec that the filter left out has no message, unlike one that skipped itself.
		isSkipped := report.State.Is(types.SpecStatePending | types.SpecStateSkipped)
		if isSkipped && report.Failure.Message == "" {
			return
		}
		line, err := json.Marshal(result{
			Name:     report.FullText(),
			State:    report.State.String(),
			Seconds:  time.Since(report.StartTime).Seconds(),
			Message:  report.Failure.Message,
			Location: report.Failure.Location.String(),
		})
		must(err)
		// One write per line: several processes append to the same file.
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		must(err)
		_, err = file.Write(append(line, '\n'))
		must(err)
		must(file.Close())
	})
}

// focusOn makes ginkgo run the specs of the list and no others. A regular expression is the only way in; it sees
// the suite's own description in front of each spec's text.
func focusOn(list string) error {
	content, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	var names []string
	for name := range strings.Lines(string(content)) {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, regexp.QuoteMeta(name))
		}
	}
	return flag.Set("ginkgo.focus", "^[^[]*(?:"+strings.Join(names, "|")+")$")
}
