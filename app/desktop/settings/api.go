package settings

import (
	"context"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/kit"
)

// apiCard is where the HTTP APIs are, and what scripts need to use them.
type apiCard struct {
	screen  *Screen
	content *fyne.Container
	url     *value
	sid     *value
	token   *kit.Text
	reveal  *kit.Button
	open    bool
	turning bool // the token is being rotated
}

const masked = "••••••••••••••••"

func newAPICard(s *Screen) *apiCard {
	c := &apiCard{screen: s, token: kit.NewText(masked, kit.Mono)}
	c.url, c.sid = s.value("Address", "address of the HTTP API"), s.value("Account SID", "account SID")
	c.reveal = kit.NewButton("Reveal", kit.Small, c.toggle)
	copyToken := kit.NewButton("Copy", kit.Small, func() { s.p.Shell.Copy("account token", s.p.Gateway.Token()) })
	c.content = card("HTTP API", "For scripts and helper libraries, which manage devices and Sync objects with the account’s token. The command line on this computer needs none.",
		c.url.line, c.sid.line,
		line("Token", kit.Clipped(c.token), kit.Across(6, c.reveal, copyToken)),
		kit.Flow(6, kit.NewButton("Rotate token…", kit.Secondary, c.rotate)),
	)
	return c
}

func (c *apiCard) set(v View) {
	c.sid.text.Set(v.Account)
	address := v.HTTPURL
	if address == "" {
		address = "off"
	}
	c.url.text.Set(address)
	c.url.copy.Hidden = v.HTTPURL == ""
	c.mask()
}

// toggle shows the token, or hides it again. While presenting it stays hidden: a room looks on.
func (c *apiCard) toggle() {
	c.open = !c.open
	c.mask()
}

func (c *apiCard) mask() {
	presenting := c.screen.p.Look.Presenter()
	if presenting {
		c.open = false
		c.reveal.Disable()
	} else {
		c.reveal.Enable()
	}
	if c.open {
		c.token.Set(c.screen.p.Gateway.Token())
		c.reveal.SetLabel("Hide")
	} else {
		c.token.Set(masked)
		c.reveal.SetLabel("Reveal")
	}
}

// rotate gives the account another token, once the user has agreed to what that means.
func (c *apiCard) rotate() {
	shell := c.screen.p.Shell
	shell.Confirm("Rotate the account’s token?",
		"Every script and library that uses the old token is refused from now on, until it is given the new one. The old token cannot be had back. Devices stay connected.",
		"Rotate token", func() {
			if c.turning {
				return
			}
			c.turning = true
			shell.Background(func(ctx context.Context) error { return c.screen.p.Gateway.RotateToken(ctx) }, func(err error) {
				c.turning = false
				c.mask() // a token that is shown is the new one
				if err != nil {
					shell.Fail("The token could not be rotated", err)
					return
				}
				shell.Toast("The account has another token now", nil)
			})
		})
}
