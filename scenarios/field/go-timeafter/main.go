// The timer of a select whose other case wins lives until it fires: here, an hour.
package main

import "time"

func main() {
	ready := make(chan struct{}, 1)
	run(5000, func() {
		ready <- struct{}{}
		select {
		case <-ready:
		case <-time.After(time.Hour):
		}
	})
}
