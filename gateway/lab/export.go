package lab

import (
	"encoding/csv"
	"encoding/json"
	"strings"
)

var columns = []string{"device", "device_sid", "peer", "server", "code", "outcome", "at", "attempt", "known_by"}

// CSV writes results as a table with a head (RFC 4180). A field that a spreadsheet would take for a formula is led by an apostrophe.
func CSV(results []Result) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(columns)
	for _, r := range results {
		row := r.row()
		for i, field := range row {
			if field != "" && strings.ContainsAny(field[:1], "=+-@\t\r") {
				row[i] = "'" + field
			}
		}
		_ = w.Write(row)
	}
	w.Flush() // a strings.Builder takes everything
	return b.String()
}

// JSON writes results as a list of objects with the same names.
func JSON(results []Result) ([]byte, error) {
	all := make([]map[string]string, 0, len(results))
	for _, r := range results {
		one := map[string]string{}
		for i, field := range r.row() {
			one[columns[i]] = field
		}
		all = append(all, one)
	}
	return json.MarshalIndent(all, "", "  ")
}

// Markdown writes results as a table.
func Markdown(results []Result) string {
	var b strings.Builder
	line := func(fields []string) {
		b.WriteString("| " + strings.Join(fields, " | ") + " |\n")
	}
	line(columns)
	b.WriteString(strings.Repeat("|---", len(columns)) + "|\n")
	plain := strings.NewReplacer("|", "\\|", "\n", " ", "\r", " ", "<", "&lt;", "[", "\\[", "`", "\\`")
	for _, r := range results {
		row := r.row()
		for i := range row {
			row[i] = plain.Replace(row[i])
		}
		line(row)
	}
	return b.String()
}
