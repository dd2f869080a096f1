package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"gatehouse/app/words"
	"gatehouse/gateway/finding"
)

type findingCommands struct {
	List findingList `cmd:"" help:"List what several attempts show together, with what to do."`
}

type findingList struct {
	remote
	All bool `help:"With those that are over."`
}

// Run lists.
func (l *findingList) Run(to streams) error {
	return l.on(to, func(ctx context.Context, c call) error {
		got, err := c.Findings(ctx)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, text := range got {
			var f finding.Finding
			if err := json.Unmarshal(text, &f); err != nil {
				return fmt.Errorf("a finding is not answered as a gateway does: %w; the gateway may be of another version", err)
			}
			if !f.Active && !l.All {
				continue
			}
			if c.json {
				if err := c.object(text); err != nil {
					return err
				}
				continue
			}
			w := words.Finding(f)
			rows = append(rows, []string{strconv.FormatUint(f.ID, 10), moment(f.Last), strconv.Itoa(f.Count), w.Title, w.Evidence, w.Advice})
		}
		if c.json {
			return nil
		}
		return c.table([]string{"ID", "LAST", "TIMES", "FINDING", "EVIDENCE", "WHAT TO DO"}, rows, "there are no findings; --all shows those that are over")
	})
}
