// Eight subscribers, four of which have stopped reading: each message to one of those four blocks a
// goroutine for ever, with its stack, its place in the channel's queue, and the message. `forgotten` sends
// those to channels that nobody holds any more, which the runtime can tell from channels that are slow.
package main

import (
	"os"
	"strconv"
)

type message struct{ body []byte }

// send is a function with arguments: what a closure captures and sends keeps the channel in sight of the
// leak profile of Go 1.26.8, which then says 0.
func send(c chan<- *message, m *message) { c <- m }

func main() {
	size, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	room := 0
	if os.Args[1] == "buffered" {
		room = 1000
	}
	countStacks = true
	channels := make([]chan *message, 8)
	for i := range channels {
		channels[i] = make(chan *message, room)
		if i%2 == 0 {
			go func(c chan *message) {
				for range c {
				}
			}(channels[i])
		}
		// Full before anything counts: until then messages are kept, and no goroutine is.
		for n := 0; i%2 == 1 && n < room; n++ {
			channels[i] <- &message{body: make([]byte, size)}
		}
	}
	for p := (&pacer{rate: 2000}); p.next(); {
		c := channels[p.done%8]
		m := &message{body: make([]byte, size)}
		for i := range m.body {
			m.body[i] = 0xAA
		}
		if os.Args[1] == "forgotten" && p.done%2 == 1 {
			c = make(chan *message)
		}
		if os.Args[1] == "select" {
			select {
			case c <- m:
			default: // nobody listens: the message is lost
			}
		} else {
			go send(c, m)
		}
	}
}
