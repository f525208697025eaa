package main

import (
	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
)

// handlerApps returns the applications of cfg, without their backends.
func handlerApps(cfg *config.Config) []handler.App {
	apps := make([]handler.App, len(cfg.Apps))
	for i, app := range cfg.Apps {
		apps[i] = handler.App{ID: string(app.SDKAppID), Name: app.Name, AllowUnsigned: app.AllowUnsigned}
		if app.MaxRooms != nil {
			apps[i].MaxRooms = *app.MaxRooms
		}
		for _, token := range app.Tokens {
			apps[i].Tokens = append(apps[i].Tokens, token.Reveal())
		}
	}
	return apps
}
