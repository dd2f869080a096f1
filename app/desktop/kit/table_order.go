package kit

import (
	"cmp"
	"slices"
	"strings"
)

// order says by which column rows are sorted; off leaves them as they were given.
type order struct {
	on         bool
	column     int
	descending bool
}

func (c Column[T]) sortable() bool { return c.Compare != nil || c.Text != nil }

func (c Column[T]) compare(a, b T) int {
	if c.Compare != nil {
		return c.Compare(a, b)
	}
	return naturally(c.Text(a), c.Text(b))
}

// Filter shows only rows of which some column holds the text, whatever its case. An empty text shows all.
func (t *DataTable[T]) Filter(text string) {
	if text != t.filter {
		t.filter = text
		t.rearrange()
	}
}

// Filtered is the text that rows are filtered by, empty when all are shown.
func (t *DataTable[T]) Filtered() string { return t.filter }

// sortBy sorts by a column; the same column again turns the order around, and once more ends it.
func (t *DataTable[T]) sortBy(column int) {
	switch o := t.order; {
	case !o.on || o.column != column:
		t.order = order{on: true, column: column}
	case !o.descending:
		t.order.descending = true
	default:
		t.order = order{}
	}
	t.rearrange()
}

// sortNext goes on to the next order, or to the one before: none, then each column up and down.
func (t *DataTable[T]) sortNext(by int) {
	orders := []order{{}}
	for i, c := range t.columns {
		if c.sortable() {
			orders = append(orders, order{on: true, column: i}, order{on: true, column: i, descending: true})
		}
	}
	i := slices.Index(orders, t.order)
	t.order = orders[(i+by+len(orders))%len(orders)]
	t.rearrange()
}

// rearrange shows the rows under a new filter or order.
func (t *DataTable[T]) rearrange() {
	t.head.say()
	t.place(t.arrange(t.all))
}

// arrange is rows under the filter and the order; the same slice when there are none.
func (t *DataTable[T]) arrange(rows []T) []T {
	if t.filter != "" {
		wanted, kept := strings.ToLower(t.filter), make([]T, 0, len(rows))
		for _, row := range rows {
			if t.holds(row, wanted) {
				kept = append(kept, row)
			}
		}
		rows = kept
	}
	if !t.order.on {
		return rows
	}
	column := t.columns[t.order.column]
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b T) int {
		if t.order.descending {
			a, b = b, a
		}
		return column.compare(a, b)
	})
	return sorted
}

func (t *DataTable[T]) holds(row T, lower string) bool {
	return slices.ContainsFunc(t.columns, func(c Column[T]) bool {
		return c.Text != nil && strings.Contains(strings.ToLower(c.Text(row)), lower)
	})
}

// naturally compares texts as people do: without case, and numbers in them by their value.
func naturally(a, b string) int {
	for a != "" && b != "" {
		if digit(a[0]) && digit(b[0]) {
			var x, y string
			x, a = number(a)
			y, b = number(b)
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
			continue
		}
		if c := cmp.Compare(lower(a[0]), lower(b[0])); c != 0 {
			return c
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// number cuts the digits off the beginning of s, without leading zeros.
func number(s string) (digits, rest string) {
	end := 0
	for end < len(s) && digit(s[end]) {
		end++
	}
	return strings.TrimLeft(s[:end], "0"), s[end:]
}
