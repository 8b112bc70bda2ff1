module program

go 1.21

require github.com/failsafe-go/failsafe-go v0.9.6

require github.com/bits-and-blooms/bitset v1.24.4 // indirect
