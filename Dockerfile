# syntax=docker/dockerfile:1

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
# Static, so that the final image can be empty. The target is named, or build scripts and macros would get the flags too.
ENV RUSTFLAGS="-C target-feature=+crt-static"
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN rustc -vV | sed -n 's/^host: //p' >/target-triple

# The dependencies, as a layer that only the manifest changes. Benches and examples are here because it names them.
COPY Cargo.toml Cargo.lock ./
COPY benches benches
COPY examples examples
RUN mkdir src \
 && echo 'fn main() {}' >src/main.rs \
 && touch src/lib.rs \
 && cargo build --release --locked --bins --target "$(cat /target-triple)"

COPY build.rs ./
COPY config config
COPY src src
ARG REVISION=unknown
ENV BUILD_COMMIT=${REVISION}
RUN find src -name '*.rs' -exec touch {} + \
 && cargo build --release --locked --bins --target "$(cat /target-triple)" \
 && install -D "target/$(cat /target-triple)/release/cognito-auth-proxy" /out/cognito-auth-proxy \
 && ldd /out/cognito-auth-proxy | grep -q 'statically linked'

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cognito-auth-proxy" \
      org.opencontainers.image.description="Authentication sidecar behind an AWS Application Load Balancer" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The roots that key and JWKS fetches are verified with.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/cognito-auth-proxy /cognito-auth-proxy
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
EXPOSE 8080
# Asks the admin listener; ECS ignores this and wants the same command in its task definition.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/cognito-auth-proxy", "healthcheck"]
ENTRYPOINT ["/cognito-auth-proxy"]
