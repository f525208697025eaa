// Package browser holds tests that look at the status page with a real browser,
// Debian's chromium.
package browser
