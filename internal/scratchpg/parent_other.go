//go:build !linux

package scratchpg

import "syscall"

// endWithParent does nothing where the kernel has no such service. The watcher
// ends the server there.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}
