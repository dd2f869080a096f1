package engine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/checkup"
	"gatehouse/app/desktop/shell"
	"gatehouse/gateway/attempt"
)

// made is a certificate with its key, as files.
func made(t *testing.T, name string, authority bool) (certificate, key shell.File) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: authority, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return shell.File{Name: name + ".pem", Content: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})},
		shell.File{Name: name + ".key", Content: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})}
}

func TestTheDevicesCertificateIsToldFromTheAuthorityItTrusts(t *testing.T) {
	device, key := made(t, "meter", false)
	root, rootKey := made(t, "root", true)
	each, _ := Engine{}.Inspect([]shell.File{device, key, root}, nil)
	require.Len(t, each, 3)
	require.NotEmpty(t, each[0].Thumbprint)
	require.Equal(t, device.Content, each[0].PEM)
	require.Contains(t, each[0].Detail, "until ")
	require.Empty(t, each[1].Thumbprint)
	require.Empty(t, each[2].Thumbprint, "an authority is not what the device proves itself with")
	each, _ = Engine{}.Inspect([]shell.File{root, rootKey}, nil)
	require.NotEmpty(t, each[0].Thumbprint, "unless its own key is there: some boards are given such a certificate")
}

func TestWhatDoesNotFitTogetherIsSaid(t *testing.T) {
	device, _ := made(t, "meter", false)
	_, other := made(t, "other", false)
	_, together := Engine{}.Inspect([]shell.File{device, other}, nil)
	require.NotEmpty(t, together)
	require.Equal(t, attempt.Bad, together[0].State)
}

func TestAnAuthorityAmongTheFilesIsTrustedAndElseThisGatewaysRootOnlyHere(t *testing.T) {
	device, key := made(t, "meter", false)
	root, _ := made(t, "root", true)
	e := Engine{Root: func() []byte { return []byte("ROOT") }}
	o := e.options(checkup.Options{Files: []shell.File{device, key, root}, Here: true})
	require.Len(t, o.Files, 2)
	require.Equal(t, string(root.Content), string(o.CA))
	require.Equal(t, "root.pem", o.CAName)
	o = e.options(checkup.Options{Files: []shell.File{device, key}, Here: true})
	require.Equal(t, "ROOT", string(o.CA))
	o = e.options(checkup.Options{Files: []shell.File{device, key}})
	require.Empty(t, o.CA, "another server is judged by what the system trusts")
	require.False(t, o.HasPassword)
}

func TestAServerThatIsNotThereEndsTheCheckWhereItEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	var steps []checkup.Step
	r := Engine{}.Run(t.Context(), checkup.Options{Target: "mqtts://" + address}, func(s checkup.Step) { steps = append(steps, s) })
	require.False(t, r.Code.Answered())
	require.Equal(t, "TCP", r.Reached)
	require.NotEmpty(t, r.Summary)
	require.NotEmpty(t, steps)
	bad := false
	for _, s := range steps {
		bad = bad || s.State == attempt.Bad && strings.Contains(strings.ToLower(s.Title+s.Detail), "refused")
	}
	require.True(t, bad, "%+v", steps)
}
