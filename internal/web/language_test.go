package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
)

func TestLanguageOfARequest(t *testing.T) {
	for _, tt := range []struct {
		name, target, accept string
		want                 language
	}{
		{"no query and no header", "/", "", english},
		{"a Chinese browser", "/", "zh-CN,zh;q=0.9,en;q=0.8", chinese},
		{"traditional characters too", "/", "zh-TW", chinese},
		{"an English browser that also accepts Chinese", "/", "en-US,en;q=0.9,zh;q=0.8", english},
		{"Chinese weighs more", "/", "en;q=0.3, zh;q=0.7", chinese},
		{"Chinese is refused", "/", "zh;q=0", english},
		{"a language that the page does not have", "/", "de-DE,zh;q=0.5", chinese},
		{"any language", "/", "*", english},
		{"a malformed weight", "/", "zh;q=many", english},
		{"the query wins", "/?lang=zh", "en", chinese},
		{"the query wins the other way", "/?lang=en", "zh", english},
		{"an unknown language in the query", "/?lang=xx", "zh", chinese},
		{"long tags", "/?lang=zh-Hans-CN", "", chinese},
	} {
		r := httptest.NewRequest(http.MethodGet, tt.target, nil)
		r.Header.Set("Accept-Language", tt.accept)
		if got := languageOf(r); got != tt.want {
			t.Errorf("%s: got %s", tt.name, got)
		}
	}
}

func TestPageInChinese(t *testing.T) {
	c, s := newTestStatus(t, handler.App{ID: "1", Name: "one"})
	post(c, "1", "token", time.Now(), threshold(400, 500))
	post(c, "1", "wrong", time.Now(), threshold(400, 500))
	header, body := getPage(s, "/?lang=zh&refresh=off")
	for _, want := range []string{`<html lang="zh-CN">`, "<h1>TUILiveKit 房间</h1>", "1 个应用", "接近上限", ">新鲜<", "签名错误", "刚刚", "创建房间达到 70 % 告警回调", `href="` + documents + `zh-CN/tencent.md"`, `<a href="?app=1&amp;lang=zh&amp;refresh=off">`, `<a href="?lang=en&amp;refresh=off" lang="en"`, `hreflang="en">English</a>`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"ago<", "near limit", "Applications", "%!"} {
		if strings.Contains(body, bad) {
			_, rest, _ := strings.Cut(body, bad)
			t.Errorf("the page has %q, before %.40q", bad, rest)
		}
	}
	if header.Get("Content-Language") != "zh-CN" || header.Get("Vary") != "Accept-Language" {
		t.Errorf("header: %v", header)
	}
	header, body = getPage(s, "/")
	for _, want := range []string{`<html lang="en">`, `<a href="?lang=zh" lang="zh-CN"`, "near limit", " s at the last signed request"} {
		if !strings.Contains(body, want) {
			t.Errorf("the English page lacks %q", want)
		}
	}
	if header.Get("Content-Language") != "en" || strings.Contains(body, "%!") {
		t.Errorf("the English page has another header or a wrong format: %v", header)
	}
}
