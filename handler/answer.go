package handler

import (
	"maps"
	"net/http"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

var jsonContentType = []string{"application/json"}

// okAnswer is the answer to an accepted callback.
var okAnswer = Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": jsonContentType}, Body: []byte(tuilivekit.OK)}

// selfTestAnswer is the answer to a self-test of doctor or setup.
var selfTestAnswer = Answer{Status: http.StatusOK, Header: okAnswer.Header, Body: []byte(tuilivekit.SelfTestOK)}

// ofBackend returns a with only those header fields that a backend may set.
func (a Answer) ofBackend() Answer {
	h := http.Header{}
	for _, key := range []string{"Content-Type", "Content-Encoding"} {
		if values := a.Header[key]; values != nil {
			h[key] = values
		}
	}
	a.Header = h
	return a
}

// write is the only place that writes an answer.
func (a Answer) write(w http.ResponseWriter) {
	h, contentType := w.Header(), a.Header["Content-Type"]
	h["Content-Type"] = contentType              // if it is nil, net/http guesses none
	if contentType == nil || len(a.Header) > 1 { // else Content-Type is the only header
		maps.Copy(h, a.Header)
	}
	w.WriteHeader(a.Status)
	w.Write(a.Body) // if this fails, the sender has closed the connection
}
