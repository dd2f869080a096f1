package checkup

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/remedy"
	"gatehouse/gateway/attempt"
)

// bench is a checker and a gateway in memory.
type bench struct {
	asked    []Options // as they came, with copies of what is wiped later
	given    []Options // as they came
	steps    []Step
	result   Result
	during   func(context.Context)
	owner    Owner
	target   string
	seen     Seen
	enrolled int
}

func (b *bench) Inspect(files []shell.File, passphrase []byte) (each []Found, together []Problem) {
	for _, f := range files {
		one := Found{Name: f.Name, Title: "A file of " + f.Name}
		switch {
		case bytes.HasPrefix(f.Content, []byte("cert")):
			one.Title, one.Thumbprint, one.PEM = "Certificate of meter", strings.Repeat("ab", 32), f.Content
		case bytes.HasPrefix(f.Content, []byte("locked")):
			one.Title, one.Encrypted = "Encrypted private key", true
			if string(passphrase) != "sesame" {
				one.Problems = []Problem{{attempt.Bad, "The key is encrypted.", "Type its passphrase."}}
			}
		}
		each = append(each, one)
	}
	if len(files) > 1 {
		together = []Problem{{attempt.Bad, "The key does not fit the certificate.", ""}}
	}
	return each, together
}

func (b *bench) Shown(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func (b *bench) Run(ctx context.Context, o Options, each func(Step)) Result {
	b.given = append(b.given, o)
	kept := o
	kept.Password, kept.Passphrase = bytes.Clone(o.Password), bytes.Clone(o.Passphrase)
	b.asked = append(b.asked, kept)
	for _, s := range b.steps {
		each(s)
	}
	if b.during != nil {
		b.during(ctx)
	}
	return b.result
}

func (b *bench) Target() string                                       { return b.target }
func (b *bench) Owner(string, string) Owner                           { return b.owner }
func (b *bench) Seen(context.Context, time.Time, string, string) Seen { return b.seen }
func (b *bench) Enrol([]byte, string) (remedy.Remedy, bool) {
	return remedy.Remedy{Kind: remedy.Press, Label: "Enrol this certificate for…", Do: func(context.Context) (remedy.Done, error) {
		b.enrolled++
		b.owner.Known = true
		return remedy.Done{Message: "The certificate belongs to meter"}, nil
	}}, true
}

type stage struct {
	*bench
	shell  *shelltest.Shell
	sheet  *Sheet
	closed int
}

func newStage(t *testing.T) *stage {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(kit.Theme{Mode: kit.AlwaysDark})
	s := &stage{bench: &bench{target: "mqtts://localhost:8883"}, shell: &shelltest.Shell{}}
	s.sheet = New(Params{Fix: fix.Fixer{Shell: s.shell}, Gateway: s.bench, Checker: s.bench, Close: func() { s.closed++ }})
	test.NewTempWindow(t, s.sheet.Content()).Resize(fyne.NewSize(1168, 704))
	return s
}

func (s *stage) texts() string { return shelltest.Texts(s.sheet.Content()) }

func (s *stage) press(t *testing.T, label string) {
	t.Helper()
	shelltest.Press(t, s.sheet.Content(), label)
}

func file(name, content string) shell.File { return shell.File{Name: name, Content: []byte(content)} }

func TestEachFileIsNamedAndWhatIsWrongWithItSaid(t *testing.T) {
	s := newStage(t)
	require.NotContains(t, s.texts(), "Passphrase")
	s.sheet.Take([]shell.File{file("device.pem", "cert"), file("device.key", "locked")})
	for _, want := range []string{"Certificate of meter", "device.pem", "Encrypted private key", "The key is encrypted. Type its passphrase.", "The key does not fit the certificate.", "Passphrase"} {
		require.Contains(t, s.texts(), want)
	}
	s.sheet.given.passphrase.Entry.SetText("sesame")
	require.NotContains(t, s.texts(), "The key is encrypted")
	shelltest.Buttons(s.sheet.Content(), "Remove")[0].Tapped(nil)
	require.NotContains(t, s.texts(), "Certificate of meter")
	require.NotContains(t, s.texts(), "The key does not fit")
}

func TestAFileOfTheSameNameTakesTheOldersPlaceAndMoreThanFitAreLeftOut(t *testing.T) {
	s := newStage(t)
	s.sheet.Take([]shell.File{file("a", "cert"), file("a", "locked")})
	require.Len(t, s.sheet.files, 1)
	require.Contains(t, s.texts(), "Encrypted private key")
	for i := range 2 * MostFiles {
		s.sheet.Take([]shell.File{file(strings.Repeat("x", i+1), "x")})
	}
	require.Len(t, s.sheet.files, MostFiles)
	s.sheet.Take([]shell.File{{Name: "a", Content: make([]byte, MostBytes+1)}})
	require.Contains(t, s.shell.Toasts[len(s.shell.Toasts)-1].Message, "larger than 1 MiB")
	require.Contains(t, s.texts(), "Encrypted private key", "the one before is still there")
}

func TestPastedTextIsAFileToo(t *testing.T) {
	s := newStage(t)
	s.press(t, "Paste text…")
	s.sheet.given.paste.Entry.SetText("cert")
	s.press(t, "Take it")
	require.Contains(t, s.texts(), "Certificate of meter")
	require.Contains(t, s.texts(), "pasted text")
	require.Empty(t, shelltest.Buttons(s.sheet.Content(), "Take it"))
}

func TestSecretsAreMaskedAndCannotBeRevealed(t *testing.T) {
	s := newStage(t)
	s.sheet.Take([]shell.File{file("device.key", "locked")})
	for _, f := range []*kit.Field{s.sheet.given.secret, s.sheet.given.passphrase} {
		f.Entry.SetText("hunter2")
		require.True(t, f.Entry.Password)
		require.NotContains(t, s.texts(), "hunter2")
		_, pressed := f.Entry.ActionItem.(fyne.Tappable)
		require.False(t, pressed)
	}
}

func TestACheckTellsItsStepsAsTheyEndAndThenTheCode(t *testing.T) {
	s := newStage(t)
	s.steps = []Step{
		{ID: "dns", Title: "Name looked up", Detail: "127.0.0.1"},
		{ID: "tls", Offset: 2 * time.Millisecond, State: attempt.Bad, Title: "The server’s name does not match", Advice: "Connect as localhost.", Facts: [][2]string{{"Names", "localhost"}}},
	}
	s.result = Result{Code: 4, Summary: "The secret is wrong.", Advice: "It ends in a newline."}
	s.seen = Seen{41, "What it sent ends in a newline."}
	during := ""
	s.during = func(context.Context) { shelltest.Tick(s.sheet); during = s.texts() }
	s.sheet.given.key.Entry.SetText("KY" + strings.Repeat("4", 32))
	s.sheet.given.secret.Entry.SetText("secret")
	s.press(t, "Check")
	for _, want := range []string{"Checking mqtts://localhost:8883", "Name looked up", "The server’s name does not match", "Cancel"} {
		require.Contains(t, during, want)
	}
	for _, want := range []string{"4", "Bad user name or password", "The secret is wrong.", "It ends in a newline.", "The gateway knows why: What it sent ends in a newline."} {
		require.Contains(t, s.texts(), want)
	}
	require.NotContains(t, s.texts(), "Checking mqtts")
	require.Equal(t, "KY"+strings.Repeat("4", 32), s.asked[0].User)
	require.Equal(t, "secret", string(s.asked[0].Password))
	require.Equal(t, make([]byte, 6), s.given[0].Password, "wiped once the check has ended")
	s.sheet.course.line.ToggleAll()
	require.Contains(t, s.texts(), "Connect as localhost.")
	s.press(t, "Show the same attempt as the gateway saw it")
	require.Equal(t, [][2]string{{"attempts", "41"}}, s.shell.Gone)
}

func TestAnotherServerIsCheckedOnlyWhenItIsNamed(t *testing.T) {
	s := newStage(t)
	s.seen = Seen{Attempt: 41}
	shelltest.PressChip(t, s.sheet.Content(), "Another server")
	s.press(t, "Check")
	require.Empty(t, s.asked)
	s.sheet.given.target.Entry.SetText(" mqtts://broker.example:8883 ")
	s.press(t, "Check")
	require.Equal(t, "mqtts://broker.example:8883", s.asked[0].Target)
	require.False(t, s.asked[0].Here)
	require.NotContains(t, s.texts(), "as the gateway saw it")
}

func TestAGatewayThatIsStoppedCannotBeChecked(t *testing.T) {
	s := newStage(t)
	s.target = ""
	s.sheet.given.show()
	s.press(t, "Check")
	require.Empty(t, s.asked)
	require.Contains(t, s.texts(), "The gateway is stopped")
}

func TestItWarnsThatALiveConnectionIsEnded(t *testing.T) {
	s := newStage(t)
	require.NotContains(t, s.texts(), "takes its place")
	s.owner = Owner{Known: true, Device: "meter-3", DeviceSID: "TH1", Connected: true}
	s.sheet.Take([]shell.File{file("device.pem", "cert")})
	require.Contains(t, s.texts(), "meter-3 is connected now. The check takes its place and ends that connection")
	shelltest.PressChip(t, s.sheet.Content(), "Another server")
	require.NotContains(t, s.texts(), "meter-3 is connected now")
	require.Contains(t, s.texts(), "the server may end that connection")
}

func TestACertificateThatIsNotEnrolledCanBe(t *testing.T) {
	s := newStage(t)
	s.result = Result{Code: 4}
	s.sheet.Take([]shell.File{file("device.pem", "cert")})
	s.press(t, "Check")
	s.press(t, "Enrol this certificate for…")
	require.Equal(t, 1, s.enrolled)
	require.Empty(t, shelltest.Buttons(s.sheet.Content(), "Enrol this certificate for…"), "it is enrolled already")
	s.press(t, "Check again")
	require.Empty(t, shelltest.Buttons(s.sheet.Content(), "Enrol this certificate for…"))
}

func TestACheckCanBeCancelledAndClosingEndsItToo(t *testing.T) {
	s := newStage(t)
	s.during = func(ctx context.Context) {
		s.press(t, "Cancel")
		require.Error(t, ctx.Err())
	}
	s.press(t, "Check")
	require.Contains(t, s.texts(), "The check was cancelled.")
	s.during = func(ctx context.Context) {
		s.sheet.Close()
		require.Error(t, ctx.Err())
	}
	s.press(t, "Check")
	require.Len(t, s.asked, 2)
}

func TestNothingIsLeftOfItOnceItIsClosed(t *testing.T) {
	s := newStage(t)
	content := []byte("cert")
	s.sheet.Take([]shell.File{{Name: "device.pem", Content: content}})
	kept := s.sheet.files[0].Content
	s.sheet.given.secret.Entry.SetText("hunter2")
	s.sheet.given.passphrase.Entry.SetText("sesame")
	s.press(t, "Close")
	require.Equal(t, 1, s.closed)
	s.sheet.Close()
	require.Equal(t, make([]byte, 4), kept, "overwritten")
	require.Equal(t, "cert", string(content), "the caller’s own is not")
	require.Empty(t, s.sheet.given.secret.Entry.Text)
	require.Empty(t, s.sheet.given.passphrase.Entry.Text)
	require.Empty(t, s.sheet.files)
}

// TestAPasswordInTheAddressIsShownNowhere but in the field that it was typed into.
func TestAPasswordInTheAddressIsShownNowhere(t *testing.T) {
	s := newStage(t)
	s.sheet.given.aim(false)
	s.sheet.given.target.Entry.SetText("mqtts://lamp:hunter2@broker.example:8883")
	var during string
	s.during = func(context.Context) { during = s.texts() }
	s.sheet.start()
	require.Contains(t, during, "Checking broker.example:8883")
	require.NotContains(t, during, "hunter2")
	require.NotContains(t, s.texts(), "hunter2")
}
