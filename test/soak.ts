// The soak: being written.
