package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBrokenScrapesDoNotFloodTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newLogBuffer()
		l := newScrapeLog((&serveCommand{}).newLogger(out))
		for range 100 {
			l.Println("error encoding:", "stream\nclosed")
		}
		time.Sleep(time.Second)
		l.Println("again")
		text := out.String()
		if n := strings.Count(text, "\n"); n != 2 || !strings.Contains(text, "suppressed=99") || !strings.Contains(text, `error encoding: stream\nclosed`) {
			t.Errorf("%d lines:\n%s", n, text)
		}
	})
}
