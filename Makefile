.PHONY: setup check test benchmarks

setup:           ## the virtual environment, with what the tests need
	scripts/setup dev

check: setup     ## style, types and the quick tests
	scripts/check

test:            ## everything; what README calls ./test
	./test

benchmarks: setup ## the figures that the README quotes
	.venv/bin/python benchmarks/figures.py
