// What keeps what, in one line.
package main

func main() {
	run(2000, func() {
		// one operation
	})
}
