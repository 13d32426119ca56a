# make demo                                a drawn clip gets its sound; prints how far each landed
# make demo VIDEO=my.mp4 SOUND=hit.wav     the same for a clip of yours (SOUND=metal works too)
# make test                                ruff, mypy and pytest, side by side
# make check                               the figures against librosa and others, which are large
# make test-browser                        the studio's page in Chromium, which must be installed
# make screenshots                         the README's pictures of it
# make docs                                the documentation as a site, in build/site
# make wheel                               dist/, tried in a new environment without the checkout

PYTHON ?= python3
BIN := .venv/bin
OUT ?= demo

# Tests and the demo are small: waiting threads would only take the cores from one another.
export OMP_WAIT_POLICY = passive

.PHONY: demo test test-1 test-2 test-browser screenshots docs wheel lint check clean

demo: .venv/folai
	$(BIN)/folai demo -o "$(OUT)" $(if $(VIDEO),--video "$(VIDEO)") $(if $(SOUND),--sound "$(SOUND)")

# Most of a test is one thread: the files are dealt out to two processes.
test: .venv/installed
	$(MAKE) --jobs=2 --output-sync test-1 lint test-2

test-1 test-2: test-%: .venv/installed
	$(BIN)/pytest --half $* -o cache_dir=.pytest_cache/$*

check: .venv/installed
	$(BIN)/python -m pip install --quiet -e '.[dev,check]'
	$(BIN)/pytest tests/test_metrics.py tests/test_nets.py tests/test_datasets.py

# What a page does in time depends on what else the machine does: what failed is tried once more.
test-browser: .venv/browser
	$(BIN)/pytest tests/browser -s || $(BIN)/pytest tests/browser -s --last-failed

screenshots: .venv/browser
	FOLAI_SCREENSHOTS=docs/images $(BIN)/pytest tests/browser/test_path.py

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict src

# folai as users have it. PyTorch first and alone, so that nothing else decides which one is installed.
.venv/folai: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet -e '.[plot,studio]'
	touch $@

# What its developers need beside it.
.venv/installed: .venv/folai
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps stable-audio-tools==0.0.19
	touch $@

.venv/browser: .venv/installed
	$(BIN)/python -m pip install --quiet -e '.[browser]'
	touch $@

# Strictly: a link that leads nowhere is an error.
docs: .venv/docs
	$(BIN)/python docs/site.py build/pages
	$(BIN)/zensical build --clean --strict

# The new environment has what the wheel asks for and nothing else.
wheel: .venv/installed
	rm -rf build/new build/empty dist
	$(BIN)/python -m build
	$(PYTHON) -m venv build/new
	build/new/bin/python -m pip install --quiet torch==2.13.0
	build/new/bin/python -m pip install --quiet dist/*.whl
	mkdir -p build/empty
	cd build/empty && ../new/bin/python -I ../../.ci/check_installed.py ../..

.venv/docs: .venv/installed
	$(BIN)/python -m pip install --quiet -e '.[docs]'
	touch $@

# What was made on the way; .venv and the finished videos stay.
clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests -name __pycache__ -exec rm -rf {} +
