package onboard

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Hiding says how a snippet shows a secret.
type Hiding int

// A secret is shown while it is known, or dots stand for it.
const (
	Shown Hiding = iota
	Masked
)

// The dots of a masked secret tell nothing of its length; LostSecret stands where it is not known any more.
const (
	Dots       = "••••••••••••••••••••••"
	LostSecret = "SECRET"
)

func (e Endpoint) hostPort(host string) string { return net.JoinHostPort(host, strconv.Itoa(e.Port)) }

// CertFile and KeyFile are the names under which a device's certificate and private key are saved.
func CertFile(device string) string { return fileName(device) + ".crt.pem" }

// KeyFile is the name of the private key's file.
func KeyFile(device string) string { return fileName(device) + ".key.pem" }

// SecretFile is the name of the file of a key's secret.
func SecretFile(device string) string { return fileName(device) + ".secret.txt" }

// Publish is a mosquitto_pub command, for POSIX shells, that connects as a device and publishes one message.
func Publish(e Endpoint, device string, m Material, h Hiding) string {
	return command("mosquitto_pub", e, device, m, h,
		"-q 1 -t "+Quote("devices/"+device+"/hello"), "-m "+Quote(`{"hello":true}`))
}

// Subscribe is a mosquitto_sub command that connects as a device, keeps its session (-c) and prints what it gets.
func Subscribe(e Endpoint, device string, m Material, h Hiding) string {
	return command("mosquitto_sub", e, device, m, h, "-c -q 1 -v -t "+Quote("devices/#"))
}

func command(program string, e Endpoint, device string, m Material, h Hiding, last ...string) string {
	lines := []string{
		fmt.Sprintf("%s -h %s -p %d", program, Quote(e.Host), e.Port),
		"--cafile " + Quote(e.RootPath),
		"-V mqttv311 -i " + Quote(device),
	}
	if m.Method == GenerateKey {
		secret := m.Secret
		switch {
		case secret == "":
			secret = LostSecret
		case h == Masked:
			secret = Dots
		}
		lines = append(lines, "-u "+m.SID, "-P "+Quote(secret))
	} else {
		lines = append(lines, "--cert "+Quote(CertFile(device)), "--key "+Quote(KeyFile(device)))
	}
	return strings.Join(append(lines, last...), " \\\n  ") + "\n"
}

// Quote makes s one word of a POSIX shell, as it is when that is safe.
func Quote(s string) string {
	plain := s != "" && strings.IndexFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:", c))
	}) < 0
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// fileName keeps of a device's name what every file system takes.
func fileName(device string) string {
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			return c
		}
		return '-'
	}, device)
	if name = strings.Trim(name, "-"); name == "" {
		return "device"
	}
	return name
}
