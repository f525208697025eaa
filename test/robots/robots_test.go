// Package robots tests the Chinese example of Alertmanager: the code of Alertmanager makes the messages
// to the robots of DingTalk, Feishu and WeCom, and stand-ins compare them with the formats in the
// vendors' documents. The stand-ins do not check signatures, and do not draw anything.
package robots

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/notify/webhook"
	"github.com/prometheus/alertmanager/template"
	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"go.yaml.in/yaml/v2"
)

const example = "../../alerts/zh-CN/alertmanager.example.yaml"

// robots has, for each receiver of the example, a function that checks a message as the robot does, and
// returns the text for people.
var robots = map[string]func(map[string]any) (string, error){
	// open.dingtalk.com/document/robots/custom-robot-access: markdown with title and text, 20,000 bytes.
	"dingtalk": func(m map[string]any) (string, error) {
		if m["msgtype"] != "markdown" || text(m, "markdown", "title") == "" {
			return "", fmt.Errorf("no title or another msgtype: %v", m)
		}
		return text(m, "markdown", "text"), atMost(20_000, text(m, "markdown", "text"))
	},
	// open.feishu.cn, custom robots: a card with a header and elements, 20 KiB in all.
	"feishu": func(m map[string]any) (string, error) {
		card, _ := m["card"].(map[string]any)
		elements, _ := card["elements"].([]any)
		if m["msg_type"] != "interactive" || text(card, "header", "title", "tag") != "plain_text" || len(elements) != 1 {
			return "", fmt.Errorf("no card: %v", m)
		}
		element, _ := elements[0].(map[string]any)
		if element["tag"] != "markdown" {
			return "", fmt.Errorf("the element is no markdown: %v", element)
		}
		return text(card, "header", "title", "content") + text(element, "content"), atMost(20_000, text(element, "content"))
	},
	// developer.work.weixin.qq.com/document/path/91770: markdown with content, 4,096 bytes.
	"wecom": func(m map[string]any) (string, error) {
		if m["msgtype"] != "markdown" {
			return "", fmt.Errorf("another msgtype: %v", m)
		}
		return text(m, "markdown", "content"), atMost(4096, text(m, "markdown", "content"))
	},
}

// atMost returns an error if a robot would refuse a text of that size.
func atMost(bytes int, text string) error {
	if len(text) > bytes {
		return fmt.Errorf("%d bytes, the robot takes %d", len(text), bytes)
	}
	return nil
}

// text returns the string below the keys, "" if there is none.
func text(m map[string]any, keys ...string) string {
	for _, key := range keys[:len(keys)-1] {
		m, _ = m[key].(map[string]any)
	}
	s, _ := m[keys[len(keys)-1]].(string)
	return s
}

func TestRobotsAcceptTheMessages(t *testing.T) {
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Route     any
		Receivers []struct {
			Name           string
			WebhookConfigs []*webhook.WebhookConfig `yaml:"webhook_configs"`
		}
	}
	if err := yaml.UnmarshalStrict(text, &c); err != nil { // as Alertmanager reads it
		t.Fatal(err)
	}
	seen := 0
	for _, receiver := range c.Receivers {
		accepts := robots[receiver.Name]
		if accepts == nil {
			t.Errorf("receiver %s has no stand-in", receiver.Name)
			continue
		}
		for _, resolved := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s resolved %t", receiver.Name, resolved), func(t *testing.T) {
				read, err := accepts(send(t, receiver.WebhookConfigs[0], alerts(20, resolved)))
				if err != nil {
					t.Fatal(err)
				}
				for _, want := range []string{"TUILiveKit", "production（1400000001）：房间已使用 92%", "\"引号\" 和\n换行", "runbooks.md#tuilivekitroomscritical", "https://grafana.example.com/d/tuilivekit"} {
					if !strings.Contains(read, want) {
						t.Errorf("the message lacks %q: %s", want, read)
					}
				}
				if strings.Contains(read, "已恢复") != resolved {
					t.Errorf("resolved %t: %s", resolved, read)
				}
			})
		}
		seen++
	}
	if seen != len(robots) {
		t.Errorf("%d receivers, want %d", seen, len(robots))
	}
}

// send sends alerts to a stand-in with the code of Alertmanager, and returns the request.
func send(t *testing.T, c *webhook.WebhookConfig, list []*alert.Alert) (message map[string]any) {
	robot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &message)
		}
		if err != nil || r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			t.Errorf("%s %s: %v: %s", r.Method, r.Header.Get("Content-Type"), err, body)
		}
		io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
	}))
	defer robot.Close()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte(robot.URL+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	own := *c
	own.URLFile, own.HTTPConfig = file, &commoncfg.HTTPClientConfig{}
	templates, err := template.FromGlobs(nil)
	if err != nil {
		t.Fatal(err)
	}
	templates.ExternalURL = &url.URL{Scheme: "https", Host: "alertmanager.example.com"}
	n, err := webhook.New(&own, templates, promslog.NewNopLogger())
	if err != nil {
		t.Fatal(err)
	}
	ctx := notify.WithReceiverName(notify.WithGroupKey(context.Background(), "1"), "robot")
	ctx = notify.WithGroupLabels(ctx, model.LabelSet{"sdk_app_id": "1400000001"})
	if err := n.Notify(ctx, list...).Err(); err != nil {
		t.Fatal(err)
	}
	return message
}

// alerts returns n alerts, as long as the longest shipped alert, with characters that JSON escapes.
func alerts(n int, resolved bool) (list []*alert.Alert) {
	ends := time.Now().Add(time.Hour)
	if resolved {
		ends = time.Now().Add(-time.Minute)
	}
	for i := range n {
		list = append(list, &alert.Alert{Alert: model.Alert{
			Labels: model.LabelSet{"alertname": "TUILiveKitRoomsCritical", "severity": "critical", "instance": model.LabelValue(fmt.Sprint(i))},
			Annotations: model.LabelSet{
				"summary":       "production（1400000001）：房间已使用 92%（20s 前）",
				"description":   model.LabelValue("\"引号\" 和\n换行。" + strings.Repeat("房", 160)),
				"runbook_url":   "https://github.com/tuilivekit-exporter/tuilivekit-exporter/blob/main/docs/zh-CN/runbooks.md#tuilivekitroomscritical",
				"dashboard_url": "/d/tuilivekit-application?var-sdk_app_id=1400000001",
			},
			StartsAt: time.Now().Add(-time.Hour), EndsAt: ends,
		}})
	}
	return list
}
