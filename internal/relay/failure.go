package relay

import (
	"context"
	"errors"
	"net/http"
)

// failure says why a backend did not answer; it is a label value.
type failure uint8

const (
	failedBusy failure = iota
	failedCircuit
	failedTimeout
	failedConnection
	failedAnswer
	failedStatus
	numFailures
	canceled // by the sender: the backend is not to blame
)

var failureNames = [numFailures]string{"busy", "circuit_open", "timeout", "connection", "answer", "status"}

// What can be the end of a decision, and of an attempt to deliver.
var (
	decisionReasons = []failure{failedBusy, failedCircuit, failedTimeout, failedConnection, failedAnswer, failedStatus}
	deliveryReasons = []failure{failedTimeout, failedConnection, failedStatus}
)

// unavailable reports whether status is what a gateway says when the server behind it is
// away (RFC 9110, sections 15.6.3 to 15.6.5).
func unavailable(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

func reasonOf(err error, otherwise failure) failure {
	var timeout interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return failedTimeout
	}
	return otherwise
}
