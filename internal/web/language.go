package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// language is a language of the status page. The JSON, the log, errors and the details of
// refusals are always in English.
type language string

const (
	english language = "en"
	chinese language = "zh"
)

// languages has the languages with their own names.
var languages = []struct {
	Language language
	Name     string
}{{english, "English"}, {chinese, "中文"}}

// languageOf returns the language of ?lang=; else the language with the highest weight in
// Accept-Language (RFC 9110, section 12.5.4); else English.
func languageOf(r *http.Request) language {
	if l, ok := known(r.URL.Query().Get("lang")); ok {
		return l
	}
	best, weight := english, 0.0
	for entry := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, parameter, _ := strings.Cut(strings.TrimSpace(entry), ";")
		l, ok := known(tag)
		if !ok {
			continue
		}
		q := 1.0
		if text, isWeight := strings.CutPrefix(strings.TrimSpace(parameter), "q="); isWeight {
			q, _ = strconv.ParseFloat(text, 64) // a malformed weight is 0: not acceptable
		}
		if q > weight { // of equal weights, the first wins
			best, weight = l, q
		}
	}
	return best
}

// known returns the language of a language tag, such as zh or zh-Hans-CN (RFC 5646). ok is false
// if the page does not have the language.
func known(tag string) (l language, ok bool) {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	for _, l := range languages {
		if string(l.Language) == primary {
			return l.Language, true
		}
	}
	return english, false
}

// Tag returns the language tag in HTML.
func (l language) Tag() string {
	if l == chinese {
		return "zh-CN"
	}
	return string(l)
}

// t returns text in the language l. text is English; if there are args, it is a format of
// package fmt.
func (l language) t(text string, args ...any) string {
	if l == chinese {
		if translated, ok := inChinese[text]; ok {
			text = translated
		}
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// plural returns n and a noun. noun is an English noun in the singular whose plural ends in s.
// Its Chinese translation begins with the measure word.
func (l language) plural(n int, noun string) string {
	number := grouped(int64(n))
	if l == chinese {
		return number + " " + l.t(noun)
	}
	if n == 1 {
		return number + " " + noun
	}
	return number + " " + noun + "s"
}
