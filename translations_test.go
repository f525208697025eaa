package repository_test

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var updateTranslations = flag.Bool("update-translations", false, "note in the Chinese documents that they are as the English ones are now")

// translations returns the Chinese documents with the English one of each.
func translations(t *testing.T) map[string]string {
	all := map[string]string{"README.zh-CN.md": "README.md"}
	for _, name := range filesOf(t, ".md") {
		if strings.HasPrefix(name, "docs/zh-CN/") {
			all[name] = "docs/" + path.Base(name)
		}
	}
	return all
}

// TestTranslationsSayTheSame compares each Chinese document with the English one, section by
// section: headings, commands, names in code, lists and tables. Each Chinese section has the
// sum of the English text that it was made from, in a comment, so that a section which was
// changed in one language only is named.
func TestTranslationsSayTheSame(t *testing.T) {
	all := translations(t)
	for _, name := range []string{"README.md", "install.md", "tencent.md", "relay.md", "numbers.md", "alerting.md", "runbooks.md", "operate.md"} {
		if all["docs/zh-CN/"+name] == "" {
			t.Errorf("docs/zh-CN/%s is missing", name)
		}
	}
	for chinese, english := range all {
		text := readFile(t, chinese)
		for _, problem := range compare(readFile(t, english), text) {
			t.Errorf("%s: %s", chinese, problem)
		}
		if *updateTranslations {
			if err := os.WriteFile(chinese, []byte(note(readFile(t, english), text)), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for _, problem := range outdated(readFile(t, english), text) {
			t.Errorf("%s: %s; translate it, then go test . -run Translations -update-translations", chinese, problem)
		}
	}
}

// TestTranslationsAreCompared changes one thing in one language at a time.
func TestTranslationsAreCompared(t *testing.T) {
	english := "# Title\n\nText.\n\n## Part\n\nSee `metric` and [a](b.md).\n\n- one\n- two\n\n| a | b |\n|---|---|\n| `c` | d |\n\n```sh\nmake run # say\n```\n"
	chinese := note(english, "# 标题\n\n正文。\n\n## 部分\n\n见[甲](b.md)和 `metric`。\n\n- 一\n- 二\n\n| 甲 | 乙 |\n|---|---|\n| `c` | 丁 |\n\n```sh\nmake run # 说\n```\n")
	for _, tt := range []struct{ name, old, new, want string }{
		{"nothing", "", "", ""},
		{"a heading", "## 部分", "### 部分", "heading 2"},
		{"a section", "## 部分", "部分", "sections"},
		{"a name", "`metric`", "`metrics`", "part \"Part\": names"},
		{"an item of a list", "- 二\n", "", "list items"},
		{"a row of a table", "| `c` | 丁 |\n", "", "rows of tables"},
		{"a cell of a table", "| 甲 | 乙 |", "| 甲 |", "cells"},
		{"a command", "make run", "make test", "commands"},
		{"a link", "(b.md)", "(b.md) [c](d)", "links"},
	} {
		if got := strings.Join(compare(english, strings.Replace(chinese, tt.old, tt.new, 1)), "\n"); !strings.Contains(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	changed := strings.Replace(english, "Text.", "Other text.", 1)
	if got := outdated(changed, chinese); len(got) != 1 || !strings.Contains(got[0], `"Title"`) {
		t.Errorf("a section that was changed in English only: %q", got)
	}
	if got := outdated(english, chinese); got != nil {
		t.Errorf("a new translation: %q", got)
	}
}

// section is a heading with the text up to the next heading.
type section struct {
	level      int
	title, all string
}

// sections splits a document into sections. A line in fenced code is no heading.
func sections(text string) (list []section) {
	inCode := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			inCode = !inCode
		}
		if m := headings.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil && !inCode {
			list = append(list, section{level: len(m[1]), title: m[2]})
		}
		if len(list) == 0 {
			list = append(list, section{})
		}
		list[len(list)-1].all += line
	}
	return list
}

// compare returns the differences between two documents.
func compare(english, chinese string) (problems []string) {
	en, zh := sections(english), sections(chinese)
	if len(en) != len(zh) {
		return []string{fmt.Sprintf("%d sections, the English document has %d", len(zh), len(en))}
	}
	for i := range en {
		if en[i].level != zh[i].level {
			problems = append(problems, fmt.Sprintf("heading %d, %q, has another level than %q", i+1, zh[i].title, en[i].title))
		}
		for what, count := range map[string]func(string) []string{
			"commands": commands, "names": names, "list items": items, "rows of tables, cells": cells, "links": linked,
		} {
			if got, want := count(zh[i].all), count(en[i].all); !slices.Equal(got, want) {
				problems = append(problems, fmt.Sprintf("part %q: %s: got %q, want %q", en[i].title, what, got, want))
			}
		}
	}
	return problems
}

// commands returns the lines of fenced code, without comments.
func commands(text string) (lines []string) {
	for _, block := range fence.FindAllString(text, -1) {
		for line := range strings.Lines(block) {
			line = strings.TrimSpace(regexp.MustCompile(`(^|\s)#\s.*`).ReplaceAllString(strings.TrimSpace(line), ""))
			if line != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// names returns the code within the text, sorted, because the order of words differs, and without
// duplicates.
func names(text string) []string {
	found := inlineCode.FindAllString(fence.ReplaceAllString(text, ""), -1)
	slices.Sort(found)
	return slices.Compact(found)
}

var itemOfList = regexp.MustCompile(`(?m)^ *(-|\d+\.) `)

func items(text string) []string {
	return itemOfList.FindAllString(fence.ReplaceAllString(text, ""), -1)
}

// cells returns the number of cells of each row of a table.
func cells(text string) (rows []string) {
	for line := range strings.Lines(withoutCode(text)) {
		if strings.HasPrefix(line, "|") {
			rows = append(rows, fmt.Sprint(strings.Count(line, "|")-1))
		}
	}
	return rows
}

// linked returns the number of links.
func linked(text string) []string {
	return []string{fmt.Sprint(len(markdownLinks(text)))}
}

var noted = regexp.MustCompile(`(?m)^<!-- en: ([0-9a-f]{8}) -->\n`)

// note returns the Chinese document with the sum of each English section below its heading.
func note(english, chinese string) string {
	en, zh := sections(english), sections(noted.ReplaceAllString(chinese, ""))
	var b strings.Builder
	for i, s := range zh {
		heading, rest, _ := strings.Cut(s.all, "\n")
		b.WriteString(heading + "\n")
		if i < len(en) {
			b.WriteString("<!-- en: " + sum(en[i].all) + " -->\n")
		}
		b.WriteString(rest)
	}
	return b.String()
}

// outdated returns the sections whose English text is not the one that was translated.
func outdated(english, chinese string) (problems []string) {
	en, zh := sections(english), sections(chinese)
	for i := range min(len(en), len(zh)) {
		if m := noted.FindStringSubmatch(zh[i].all); m == nil || m[1] != sum(en[i].all) {
			problems = append(problems, fmt.Sprintf("part %q was changed in English only", en[i].title))
		}
	}
	return problems
}

// sum returns a short hash of a text, which does not depend on its line breaks.
func sum(text string) string {
	s := sha256.Sum256([]byte(strings.Join(strings.Fields(text), " ")))
	return hex.EncodeToString(s[:4])
}
