module program

go 1.22

// GOEXPERIMENT goroutineleakprofile, where the toolchain has it: Go 1.26.
