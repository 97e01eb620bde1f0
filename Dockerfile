FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# Writes the names and versions of all crates into the binary (section .dep-v0), where scanners of images look for them.
RUN cargo install cargo-auditable --locked --version 0.7.7
# Static, so that the final image can be empty. The target is named below, or build scripts and macros would get the flags too.
ENV RUSTFLAGS="-C target-feature=+crt-static"

# The dependencies, as a layer that only the manifest changes: everything of ours that it names is empty here.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src benches/compare benches/instructions \
 && touch src/lib.rs benches/gateway.rs benches/verify.rs benches/compare/main.rs benches/instructions/main.rs \
 && echo 'fn main() {}' >src/main.rs \
 && cargo auditable build --release --locked --bins --target host-tuple

COPY build.rs ./
COPY config config
COPY src src
ARG REVISION=unknown
RUN find src -name '*.rs' -exec touch {} + \
 && BUILD_COMMIT="$(printf '%.12s' "${REVISION}")" cargo auditable build --release --locked --bins --target host-tuple \
 && install -D target/*/release/cognito-auth-proxy /out/cognito-auth-proxy \
 && ldd /out/cognito-auth-proxy | grep -q 'statically linked'

FROM scratch
# What Cargo.toml says; a test compares them.
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cognito-auth-proxy" \
      org.opencontainers.image.description="Authentication sidecar behind an AWS Application Load Balancer" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="scratch"
# The roots that key and JWKS fetches are verified with.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/cognito-auth-proxy /cognito-auth-proxy
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
EXPOSE 8080
# Asks the admin listener; ECS ignores this and wants the same command in its task definition.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/cognito-auth-proxy", "healthcheck"]
ENTRYPOINT ["/cognito-auth-proxy"]
