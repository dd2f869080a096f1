package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const own = "/gatehouse/v1"

// Attempt is a connection attempt. JSON is all that the gateway says of it.
type Attempt struct {
	ID   uint64    `json:"id"`
	At   time.Time `json:"at"`
	Code int       `json:"code"` // 0 to 5, or less than 0 without a CONNACK; -1 while nothing is decided

	JSON json.RawMessage `json:"-"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *Attempt) UnmarshalJSON(text []byte) error {
	type plain Attempt
	if err := json.Unmarshal(text, (*plain)(a)); err != nil {
		return err
	}
	a.JSON = append(json.RawMessage(nil), text...)
	return nil
}

// AttemptQuery says which attempts are wanted. What is left at its zero value does not matter.
type AttemptQuery struct {
	Codes                         []int
	Cause                         string
	DeviceSID, Credential, Remote string
	ServerName                    string
	Text                          string
	Since, Until                  time.Time
	OnlyLive                      bool // those that are connected now
	Limit                         int  // zero: a page, as long as the gateway likes
}

func (q AttemptQuery) values() url.Values {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	codes := make([]string, len(q.Codes))
	for i, code := range q.Codes {
		codes[i] = strconv.Itoa(code)
	}
	set("code", strings.Join(codes, ","))
	set("cause", q.Cause)
	set("device", q.DeviceSID)
	set("credential", q.Credential)
	set("remote", q.Remote)
	set("server_name", q.ServerName)
	set("text", q.Text)
	if !q.Since.IsZero() {
		v.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	if !q.Until.IsZero() {
		v.Set("until", q.Until.UTC().Format(time.RFC3339Nano))
	}
	if q.OnlyLive {
		v.Set("live", "true")
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v
}

// mostAtOnce is how many attempts the gateway answers at most in one page.
const mostAtOnce = 1000

// Attempts are those that match, newest first, without their steps and packets: Limit at most, or a page when that is zero.
func (c *Client) Attempts(ctx context.Context, q AttemptQuery) (all []Attempt, err error) {
	left := q.Limit
	q.Limit = min(left, mostAtOnce)
	for next := ""; ; {
		got, err := c.page(ctx, own+"/Attempts", q.values(), next, "attempts")
		if err != nil {
			return nil, err
		}
		var attempts []Attempt
		if err := json.Unmarshal(got.records, &attempts); err != nil {
			return nil, fmt.Errorf("%s does not answer as a gateway does: %w; check the address", c.base.Host, err)
		}
		if all = append(all, attempts...); len(all) > left && left > 0 {
			all = all[:left]
		}
		if next = got.next; next == "" || len(all) >= left || len(attempts) == 0 {
			return all, nil
		}
	}
}

// AttemptRecord is how the record of attempts stands.
type AttemptRecord struct {
	Kept    int    `json:"kept"`
	Lost    uint64 `json:"lost"`    // attempts that could not be written before they had to go
	Damaged int    `json:"damaged"` // places that could not be read when the gateway was opened
	// Unwritable says that nothing can be written to the disk at the moment.
	Unwritable bool `json:"unwritable"`
}

// AttemptRecord is that of the gateway, as it is now; one of an older version says nothing of it.
func (c *Client) AttemptRecord(ctx context.Context) (AttemptRecord, error) {
	var got struct {
		Record AttemptRecord `json:"record"`
	}
	err := c.call(ctx, request{method: http.MethodGet, path: own + "/Attempts", query: url.Values{"limit": {"1"}}}, &got)
	return got.Record, err
}

// Attempt is one with everything that was recorded, unless the gateway has forgotten it.
func (c *Client) Attempt(ctx context.Context, id uint64) (Attempt, error) {
	return fetch[Attempt](ctx, c, own+"/Attempts/"+strconv.FormatUint(id, 10))
}

// AttemptDiagnosis is what the gateway makes of an attempt now, as it answers: how what was presented compares with what is
// enrolled, whether it would pass, which findings it is evidence of, and what the gateway is.
func (c *Client) AttemptDiagnosis(ctx context.Context, id uint64) (json.RawMessage, error) {
	return fetch[json.RawMessage](ctx, c, own+"/Attempts/"+strconv.FormatUint(id, 10)+"/Diagnosis")
}

// Findings are what several attempts show together, as the gateway answers: active ones first, then the newest.
func (c *Client) Findings(ctx context.Context) ([]json.RawMessage, error) {
	var got struct {
		Findings []json.RawMessage `json:"findings"`
	}
	err := c.call(ctx, request{method: http.MethodGet, path: own + "/Findings"}, &got)
	return got.Findings, err
}
