// Eight subscribers, four of which have stopped reading: each message to one of those four blocks a
// goroutine for ever, with its stack, its place in the channel's queue, and the message.
package main

import (
	"os"
	"strconv"
)

type message struct{ body []byte }

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
	}
	for p := (&pacer{rate: 2000}); p.next(); {
		c := channels[p.done%8]
		m := &message{body: make([]byte, size)}
		for i := range m.body {
			m.body[i] = 0xAA
		}
		if os.Args[1] == "select" {
			select {
			case c <- m:
			default: // nobody listens: the message is lost
			}
		} else {
			go func() { c <- m }()
		}
	}
}
