package relay

import (
	"context"
	"errors"
	"net/http"
)

// failure is the reason of a failed decision or delivery. It is a label value.
type failure uint8

const (
	failedBusy failure = iota
	failedCircuit
	failedTimeout
	failedConnection
	failedAnswer
	failedStatus
	numFailures
	canceled // by the sender: not a failure of the backend
)

var failureNames = [numFailures]string{"busy", "circuit_open", "timeout", "connection", "answer", "status"}

// The possible reasons of failed decisions, and of failed deliveries.
var (
	decisionReasons = []failure{failedBusy, failedCircuit, failedTimeout, failedConnection, failedAnswer, failedStatus}
	deliveryReasons = []failure{failedTimeout, failedConnection, failedStatus}
)

// unavailable reports whether status is one of a gateway whose server is down (RFC 9110,
// sections 15.6.3 to 15.6.5).
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
