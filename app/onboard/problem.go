package onboard

import (
	"errors"

	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
)

// Say is an error in words for the person who can correct it; other errors speak for themselves.
func Say(err error) string {
	var (
		problem  Problem
		imported *credential.ImportError
		exists   *registry.ExistsError
		invalid  *registry.InvalidError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &problem):
		return string(problem)
	case errors.Is(err, ErrNothingImported):
		return "Choose a certificate file, or paste the certificate."
	case errors.As(err, &imported):
		return Sentence("This cannot be used: "+imported.Reason) + " " + Sentence(imported.Advice)
	case errors.As(err, &exists):
		return Sentence("This " + exists.What + " is taken already" + by(exists.SID))
	case errors.As(err, &invalid):
		return Sentence("The " + fieldWords(invalid.Field) + " " + invalid.Reason)
	}
	return Sentence(err.Error())
}

// fieldWords is a field's name as it stands beside it.
func fieldWords(field string) string {
	switch field {
	case "UniqueName":
		return "name"
	case "FriendlyName":
		return "friendly name"
	case "Identity":
		return "identity"
	}
	return field
}

func by(sid string) string {
	if sid == "" {
		return ""
	}
	return " by " + sid
}

// Sentence makes a sentence of an error's text: it begins with a capital letter and ends with a full stop.
func Sentence(s string) string {
	if s == "" {
		return ""
	}
	if c := s[0]; c >= 'a' && c <= 'z' {
		s = string(c-'a'+'A') + s[1:]
	}
	if last := s[len(s)-1]; last != '.' && last != '!' && last != '?' {
		s += "."
	}
	return s
}
