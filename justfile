# The one door: CI runs the same commands. Bare `just` lists the recipes.

_default:
    @{{ just_executable() }} --list

# everything a commit has to pass, except the end-to-end suite
check: fmt clippy features doc test deny

# formatting, without changing anything
fmt:
    cargo fmt --all --check

# lints of every target, as errors
clippy:
    cargo clippy --all-targets --locked -- -D warnings

# without the optional features
features:
    cargo clippy --locked --no-default-features -- -D warnings

# documentation, with broken links as errors
doc:
    RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --locked

# unit, integration and documentation tests
test:
    cargo test --locked

# licences, bans and sources of the dependencies (advisories: .ci/nightly)
deny:
    cargo deny --offline check bans licenses sources

# the trust audit: every place that makes a proof
trust:
    @if command -v rg >/dev/null; then rg --line-number '::assertion\(' src; else grep -rnE '::assertion\(' src; fi

# everything on this machine, without AWS: stand-in load balancer, proxy, sample app
run-dev *arguments:
    cargo run --release --locked -- dev {{ arguments }}

# the release binary in front of real Gradio, Streamlit and FastAPI apps, in a browser too; arguments go to pytest
e2e *arguments:
    tests/e2e/run.sh {{ arguments }}

# the image and the Compose files, really built and run (as root, with podman); arguments go to pytest
deploy *arguments:
    tests/deploy/run.sh {{ arguments }}

# micro-benchmarks
bench:
    cargo bench --locked --bench verify --bench gateway

# the binary beside nginx and HAProxy; arguments are rows, --rounds and --seconds
compare *arguments:
    cargo bench --locked --bench compare -- {{ arguments }}

# instructions an operation, counted under valgrind; arguments are operations
instructions *arguments:
    cargo bench --locked --bench instructions -- {{ arguments }}
