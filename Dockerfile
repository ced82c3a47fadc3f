# docker build -t mainstay .
# docker run -p 127.0.0.1:8080:8080 -v mainstay:/data mainstay
#
# Both base images can be replaced with build arguments. They must be of the same Debian release.
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
# The official Rust image has these packages already; another base image may lack them.
RUN cc --version >/dev/null && make --version >/dev/null && pkg-config --exists openssl || \
    (apt-get update && \
    apt-get install -y --no-install-recommends gcc libc6-dev libssl-dev make pkg-config && \
    rm -rf /var/lib/apt/lists/*)
ENV CARGO_HOME=/cargo
# cargo-auditable puts the list of dependencies into the binary, where scanners of images find it; cargo-cyclonedx writes it as a
# file (SBOM).
RUN --mount=type=cache,target=/cargo/registry \
    cargo install --locked --root /usr/local cargo-auditable@0.7.7 cargo-cyclonedx@0.5.9
WORKDIR /source
COPY . .
# The cache mounts keep downloaded crates and compiled dependencies when the source changes.
RUN --mount=type=cache,target=/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo auditable build --release --locked --bin mainstay && \
    cp target/release/mainstay /usr/local/bin/mainstay && \
    scripts/sbom /usr/local/share/mainstay.cdx.json

FROM ${RUNTIME_IMAGE}
LABEL org.opencontainers.image.title="Mainstay" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"
RUN apt-get update && \
    apt-get install -y --no-install-recommends ca-certificates libssl3 && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --system --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin mainstay && \
    install -d -o mainstay -g mainstay -m 0700 /data
COPY --from=build /usr/local/bin/mainstay /usr/local/bin/mainstay
COPY --from=build /usr/local/share/mainstay.cdx.json /usr/share/doc/mainstay/mainstay.cdx.json
USER mainstay
WORKDIR /data
# MIMALLOC_PURGE_DELAY: the allocator returns free memory to the system after 10 ms instead of a second.
ENV MAINSTAY_DATA_DIR=/data \
    MAINSTAY_LISTEN=0.0.0.0:8080 \
    MIMALLOC_PURGE_DELAY=10
VOLUME /data
EXPOSE 8080
# Orchestrators probe /health/live (restart if it fails) and /health/ready (route requests to it) themselves.
HEALTHCHECK NONE
# On SIGTERM the server stops accepting connections, finishes requests in progress, and exits.
STOPSIGNAL SIGTERM
ENTRYPOINT ["mainstay"]
CMD ["serve"]
