// Handlers of connections that hand what they read to a channel whose reader is slower than the
// clients. Server and clients are one program on loopback; a client is gone once it has written, so a
// handler that is still there is one that is stuck.
package main

import (
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	arrivals = 200 // a second
	services = 50  // a second
	size     = 4096
	limit    = 64 // connections at a time
)

var accepted, delivered, lost, refused atomic.Int64

func handle(variant string, conn net.Conn, messages chan string) {
	defer conn.Close()
	buffer := make([]byte, size)
	n, err := conn.Read(buffer)
	if err != nil {
		return
	}
	if variant == "close-early" {
		conn.Close()
	}
	message := string(buffer[:n])
	switch variant {
	case "abort-slow":
		timer := time.NewTimer(200 * time.Millisecond)
		defer timer.Stop()
		select {
		case messages <- message:
		case <-timer.C:
			lost.Add(1)
		}
	case "drop":
		select {
		case messages <- message:
		default:
			lost.Add(1)
		}
	default:
		messages <- message
	}
}

func serve(variant string, listener net.Listener, messages chan string) {
	slots := make(chan struct{}, limit)
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		if variant == "limited-connections" {
			select {
			case slots <- struct{}{}:
			default:
				conn.Close()
				refused.Add(1)
				continue
			}
		}
		accepted.Add(1)
		go func() {
			handle(variant, conn, messages)
			if variant == "limited-connections" {
				<-slots
			}
		}()
	}
}

func main() {
	variant := os.Args[1]
	messages := make(chan string)
	if variant == "large-buffer" {
		messages = make(chan string, 1_000_000)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go serve(variant, listener, messages)
	go func() {
		for range time.Tick(time.Second / services) {
			<-messages
			delivered.Add(1)
		}
	}()
	countStacks = true
	gauges = func() map[string]any {
		open, _ := os.ReadDir("/proc/self/fd")
		return map[string]any{
			"delivered": delivered.Load(), "lost": lost.Load(), "refused": refused.Load(),
			"queued": len(messages), "descriptors": len(open), "goroutines": runtime.NumGoroutine(),
		}
	}
	body := make([]byte, size)
	for p := (&pacer{rate: arrivals}); p.next(); {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			panic(err)
		}
		conn.Write(body)
		conn.Close()
	}
}
