// Package locale gives the process a language before the window's toolkit looks for one: without any, as under cron, in
// containers and with LANG=C.UTF-8, the toolkit complains on standard error about every command, those without a window
// too. What the user had is remembered, for those who must know what the terminal can show.
//
// It imports os alone, and its path sorts before those of the packages by which the toolkit finds the language. So Go
// initialises it first: packages in the order of their paths, each as soon as what it imports is ready (language
// specification, "Package initialization"). It must import nothing else.
package locale

import "os"

// utf8 is whether text could be in UTF-8 as the user has it.
var utf8 bool

func init() {
	utf8 = inUTF8(first("LC_ALL", "LC_CTYPE", "LANG"))
	if !plain(first("LC_ALL", "LC_MESSAGES", "LANG")) {
		return
	}
	// What names the plain locale would go before LANG, and LANGUAGE before all.
	for _, name := range [...]string{"LC_ALL", "LC_MESSAGES", "LANGUAGE"} {
		if plain(os.Getenv(name)) {
			_ = os.Unsetenv(name)
		}
	}
	_ = os.Setenv("LANG", "en_US.UTF-8")
}

// UTF8 reports whether the user's locale, as it was when the process began, has text in UTF-8.
func UTF8() bool { return utf8 }

// first is the value of the first variable that has one, in POSIX's order of precedence (XBD, 8.2).
func first(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

// plain reports whether a locale says no language: the C locale, in whatever encoding.
func plain(locale string) bool {
	return locale == "" || locale == "C" || locale == "POSIX" || len(locale) > 2 && locale[:2] == "C."
}

// inUTF8 reports whether a locale's name ends in UTF-8 as it is written in names, in either case and with or without
// the dash.
func inUTF8(locale string) bool {
	for i := range len(locale) {
		if locale[i] == '.' {
			switch locale[i+1:] {
			case "UTF-8", "utf-8", "UTF8", "utf8":
				return true
			}
		}
	}
	return false
}
