"""The console: the pages that people set a stream up with and watch it by. Each shows what an operation returns."""
