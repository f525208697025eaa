// Package browser has tests of the status page in a real browser, Debian's chromium.
package browser
