# make run     a sample classroom, recorded, uploaded and listed; SOURCE=rtsp://... or SOURCE=film.mp4 takes another camera
# make test    every check that needs Python packages alone
# make test-all  everything, against real servers too (make servers installs them)
# make bench   the recorder against FFmpeg, as tables; BENCH=streams,snapshot,start,slicing,daemon,storage picks (docs/benchmarks.md)
# make conformance  docs/api-v1-conformance.md again: every endpoint of API v1, every case, as the server answers it
# make deb     a Debian package with everything it needs, in dist/; ARCH=arm64 builds that on any machine (docs/installation.md)
# make soak    the kills, three simulated school years and the recording of a real server again, for about an hour

PYTHON ?= python3
ENV := .venv
BIN := $(ENV)/bin
SERVERS := ffmpeg chromium faketime nginx apache2 libnginx-mod-rtmp python3-gst-1.0 gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base \
	gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-rtsp systemd mosquitto mosquitto-clients openssl postgresql debhelper debootstrap iproute2

# The tests start hundreds of Python processes, which must not translate the same modules again each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help env run test checks types suite test-all again bench soak conformance deb servers clean

help:
	@sed -n '/^$$/q; s/^# //p' Makefile

env: $(ENV)/.installed

# Without venv's own pip: a fresh Debian has python3 and pip, but not always python3-venv. What that pip installs is a pip of our own,
# as Debian's looks at each file of each release of everything: 18 s of 30. -qq: setuptools warns of what -e means.
$(ENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "gather-agent needs Python 3.11 or later: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 \
		|| { echo "pip is missing; on Debian: apt install python3-pip" >&2; exit 1; }
	$(PYTHON) -m venv --clear --without-pip $(ENV)
	$(PYTHON) -m pip --disable-pip-version-check --python $(BIN)/python install --quiet --no-compile --no-deps -c constraints.txt pip
	$(BIN)/python -m pip --disable-pip-version-check install -qq --no-compile -c constraints.txt -e '.[dev]'
	-@$(BIN)/python -m compileall -q -j 0 $(ENV)/lib agent recorder >/dev/null
	@touch $@

run: env
	@exec $(BIN)/gather-agent standalone --demo --home demo $(if $(SOURCE),--source '$(SOURCE)')

# What is quickly told comes first; mypy then runs beside the tests, and says what it found when it is done.
test: checks
	@$(MAKE) --no-print-directory -j 2 types suite

checks: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: env
	@found=$$($(BIN)/mypy 2>&1); code=$$?; printf '\nmypy: %s\n' "$$found"; exit $$code

suite: env
	$(BIN)/pytest -n 4 -m 'not integration and not browser and not faults'

test-all: env
	$(BIN)/pytest -n 2

# What failed last, once more and one after the other: tells a defect from a machine that was too busy.
again: env
	$(BIN)/pytest -n 0 --last-failed --last-failed-no-failures none

bench: env
	$(BIN)/python -m bench

soak: env
	GATHER_KILLS=200 GATHER_CUTS=2000 GATHER_STEPS=75 GATHER_FREEZE_SEC=30 GATHER_FILES=1000 \
		GATHER_DAEMON_KILLS=200 GATHER_SERVER_KILLS=100 GATHER_SCHOOL_WEEKS=52 GATHER_SCHOOL_SEEDS=3 GATHER_NOISE=200 GATHER_STORAGE_CUTS=100 \
		GATHER_READERS="own libav" $(BIN)/pytest -s -m faults
	GATHER_LINE_MB=1000 GATHER_LINE_SLICES=200 $(BIN)/pytest -s -n 0 tests/agent/link/test_faulty_line.py
	GATHER_COLUMNS=all $(BIN)/pytest -s -n 2 tests/integration/test_matrix.py
	GATHER_LIVE_OPENINGS=20 $(BIN)/pytest -s tests/integration/test_live_browser.py
	GATHER_API_EXAMPLES=500 $(BIN)/pytest -s tests/standalone/conformance/test_openapi.py
	GATHER_RTSP_MINUTES=30 $(BIN)/pytest -s -n 2 tests/integration/test_rtsp_recording.py
	GATHER_PACKAGE=1 $(BIN)/pytest -s -n 0 tests/integration/test_package.py

conformance: env
	$(BIN)/python -m tests.standalone.conformance

# debhelper alone, as dpkg-buildpackage would put its results beside the checkout.
deb:
	@mkdir -p dist
	DEB_RULES_REQUIRES_ROOT=no $(if $(ARCH),DEB_HOST_ARCH=$(ARCH)) DESTDIR=dist PYTHON=$(PYTHON) debian/rules clean binary
	@ls -1 dist/gather-agent_*.deb

servers:
	@missing=$$(dpkg-query --show --showformat='$${Package} $${db:Status-Status}\n' $(SERVERS) 2>&1 \
		| grep -v ' installed$$' || true); \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
		$$sudo apt-get -q update && \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $(SERVERS); \
	fi

clean:
	rm -rf $(ENV) demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
