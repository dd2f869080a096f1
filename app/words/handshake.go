package words

import (
	"slices"
	"strings"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// explainHandshake says of a handshake that failed what each side had to offer, as far as that is recorded.
func explainHandshake(e *Explanation, a attempt.Attempt) {
	s := stepOf(a, attempt.Handshake)
	switch a.Cause {
	case cause.WrongServerName:
		switch name := s.Fact("dialled"); {
		case name == "":
		case s.Fact("name_sent") == "no":
			e.Cause = "The device sent no server name, and the address that it reached, " + name + ", is not in the gateway’s certificate."
		default:
			e.Cause = "The device expects “" + name + "”, which the gateway’s certificate does not name."
		}
	case cause.TLSVersion:
		if offered := s.Fact("offered"); offered != "" {
			e.More = strings.TrimSpace("It offers " + few(offered, 3) + ". " + e.More)
		}
	case cause.NoSharedSuite:
		nothingShared(e, s)
	}
	unsureOfAlert(e, a.Cause, s)
}

// unsureOfAlert says what else it may be when the device's alert stands for more than one fault of a certificate, as that of OpenSSL does
// before TLS 1.3, and that of Go's and Java's always. Without a server name it is not known what the device dialled either: the address that
// it reached may be another behind a router.
func unsureOfAlert(e *Explanation, why cause.ID, s attempt.Step) {
	alert := s.Fact("alert")
	if s.Fact("dialled") == "" || alert != "bad_certificate" && alert != "certificate_unknown" {
		return
	}
	unnamed := s.Fact("name_sent") == "no"
	switch {
	case why == cause.WrongServerName && unnamed:
		e.More = strings.TrimSpace(e.More + " If it dialled a name that the certificate has, what it refused is the root.")
	case why == cause.ServerCertificateEarly && unnamed:
		e.More = "It trusts the root, so its clock is behind; or, if it dialled anything but " + s.Fact("dialled") + ", what it refused is the name."
	case why == cause.UntrustedRoot && unnamed:
		e.More = strings.TrimSpace(e.More + " It sent no server name: if it dialled anything but " + s.Fact("dialled") + ", what it refused may be the name.")
	case why == cause.UntrustedRoot:
		e.More = strings.TrimSpace(e.More + " If it has the root, its clock is behind: many stacks say the same of a certificate that is not valid yet.")
	}
}

// nothingShared names that of which the two sides share nothing, and what each has.
func nothingShared(e *Explanation, s attempt.Step) {
	for _, kind := range []struct{ client, gateway, what string }{
		{"client_suites", "gateway_suites", "cipher suite"}, {"client_groups", "gateway_groups", "key exchange group"},
	} {
		client, gateway := s.Fact(kind.client), s.Fact(kind.gateway)
		if client == "" || gateway == "" {
			continue
		}
		takes := strings.Split(gateway, ", ")
		if !slices.ContainsFunc(strings.Split(client, ", "), func(one string) bool { return slices.Contains(takes, one) }) {
			e.Cause = "The device and the gateway share no " + kind.what + "."
			e.More = "The device offers " + few(client, 2) + "; the gateway takes " + few(gateway, 2) + "."
			return
		}
	}
	if signatures := s.Fact("client_signatures"); signatures != "" {
		e.Cause = "The device takes none of the signatures that the gateway can make."
		e.More = "It names " + few(signatures, 3) + "."
	}
}

// few is the beginning of a list, and how many more there are.
func few(list string, n int) string {
	all := strings.Split(list, ", ")
	if len(all) <= n+1 {
		return list
	}
	return strings.Join(all[:n], ", ") + " and " + Grouped(len(all)-n) + " more"
}

// remarkDetail is the figure that a remark about an attempt rests on.
func remarkDetail(why cause.ID, s attempt.Step) string {
	switch why {
	case cause.CertificateExpired:
		return labelled("since", day(s.Fact("not_after")))
	case cause.CertificateNotYetValid:
		return labelled("until", day(s.Fact("not_before")))
	case cause.CertificateExpiresSoon:
		return labelled("on", day(s.Fact("not_after")))
	case cause.HeavyKey:
		return s.Fact("key")
	case cause.LargeChain:
		return join(unit(s.Fact("certificates"), "certificate", "certificates"), labelledAfter(s.Fact("bytes"), "bytes"))
	case cause.KeepaliveShort:
		return labelledAfter(s.Fact("keepalive"), "s")
	case cause.NameNotInCertificate, cause.NameNotSent:
		return s.Fact("dialled")
	}
	return ""
}
