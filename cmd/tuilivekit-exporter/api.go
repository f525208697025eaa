package main

import (
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
)

// newAPIClient returns a client of the server API of app, nil if app has no credentials. The caller
// closes the client.
func newAPIClient(app config.App) *restapi.Client {
	if app.API == nil {
		return nil
	}
	return restapi.New(restapi.Options{
		AppID: string(app.SDKAppID), Host: app.API.Address, Identifier: app.API.Identifier,
		SecretKey: app.API.SecretKey.Reveal(), UserSig: app.API.UserSig.Reveal(),
		TLS: app.API.TLS, ProxyFromEnvironment: app.API.ProxyFromEnvironment,
	})
}
