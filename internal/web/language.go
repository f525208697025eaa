package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// language is a language of the status page. The API and all that the log says too, such as
// errors and details of refusals, are in English.
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

// languageOf returns the language that ?lang= names, else the one that the browser prefers, else
// English.
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
			q, _ = strconv.ParseFloat(text, 64) // 0 if it is malformed: not wanted
		}
		if q > weight { // the first of equal ones
			best, weight = l, q
		}
	}
	return best
}

// known returns the language of a tag as zh or zh-Hans-CN (RFC 5646).
func known(tag string) (language, bool) {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	for _, l := range languages {
		if string(l.Language) == primary {
			return l.Language, true
		}
	}
	return english, false
}

// Tag is the tag of the language in HTML.
func (l language) Tag() string {
	if l == chinese {
		return "zh-CN"
	}
	return string(l)
}

// t returns text, which is English and a format of package fmt if there are args, in the
// language l.
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

// plural counts things, which are an English noun in the singular. The Chinese noun begins with
// its measure word.
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
