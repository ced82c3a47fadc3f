# docker build -t mainstay .
# docker run -p 127.0.0.1:8080:8080 -v mainstay:/data mainstay
#
# Both bases can be replaced by images of one's own, with the same Debian release on both sides.
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
# The official image has these already.
RUN cc --version >/dev/null && make --version >/dev/null && pkg-config --exists openssl || \
    (apt-get update && \
    apt-get install -y --no-install-recommends gcc libc6-dev libssl-dev make pkg-config && \
    rm -rf /var/lib/apt/lists/*)
ENV CARGO_HOME=/cargo
WORKDIR /source
COPY . .
# Downloaded crates and compiled dependencies outlive a change of the source.
RUN --mount=type=cache,target=/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --bin mainstay && \
    cp target/release/mainstay /usr/local/bin/mainstay

FROM ${RUNTIME_IMAGE}
LABEL org.opencontainers.image.title="Mainstay" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"
RUN apt-get update && \
    apt-get install -y --no-install-recommends ca-certificates libssl3 && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --system --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin mainstay && \
    install -d -o mainstay -g mainstay -m 0700 /data
COPY --from=build /usr/local/bin/mainstay /usr/local/bin/mainstay
USER mainstay
WORKDIR /data
# The allocator gives memory that is free back after 10 ms instead of a second.
ENV MAINSTAY_DATA_DIR=/data \
    MAINSTAY_LISTEN=0.0.0.0:8080 \
    MIMALLOC_PURGE_DELAY=10
VOLUME /data
EXPOSE 8080
# Orchestrators ask /health/live (restart me?) and /health/ready (send me requests?) themselves.
HEALTHCHECK NONE
# Stops taking requests, finishes those it has, and ends.
STOPSIGNAL SIGTERM
ENTRYPOINT ["mainstay"]
CMD ["serve"]
