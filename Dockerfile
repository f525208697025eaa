# The image of tuilivekit-exporter: one static binary, no shell, not root.
# `make docker` builds it with the arguments below; it needs BuildKit.
#
# For a build that is the same tomorrow, give both images with their digests:
#   make docker DOCKER_FLAGS='--build-arg GO_IMAGE=golang:1.26-bookworm@sha256:… --build-arg BASE_IMAGE=…'
ARG GO_IMAGE=golang:1.26.8-bookworm
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

# The compiler runs on the builder's own platform, whatever it builds for.
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
WORKDIR /src
# Modules are a layer of their own: a change of the source does not fetch them again.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
RUN --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X github.com/prometheus/common/version.Version=${VERSION} -X github.com/prometheus/common/version.Revision=${REVISION} -X github.com/prometheus/common/version.BuildUser=docker -X github.com/prometheus/common/version.BuildDate=${CREATED}" \
    -o /out/tuilivekit-exporter ./cmd/tuilivekit-exporter
# The final image has no mkdir. Its folder belongs to group 0: a platform that runs containers
# with any user puts it into that group.
RUN mkdir /out/state

FROM ${BASE_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="tuilivekit-exporter" \
      org.opencontainers.image.description="Prometheus exporter for the callbacks of Tencent Cloud TUILiveKit" \
      org.opencontainers.image.url="https://github.com/tuilivekit-exporter/tuilivekit-exporter" \
      org.opencontainers.image.source="https://github.com/tuilivekit-exporter/tuilivekit-exporter" \
      org.opencontainers.image.documentation="https://github.com/tuilivekit-exporter/tuilivekit-exporter#readme" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY LICENSE /usr/share/doc/tuilivekit-exporter/LICENSE
COPY --from=build /out/tuilivekit-exporter /usr/bin/tuilivekit-exporter
# What is relative in flags (the state, in data/) lies here. Everything else may be
# mounted read-only. The user is given by number, so that Kubernetes can see that it
# is not root.
COPY --from=build --chown=65532:0 --chmod=0770 /out/state /var/lib/tuilivekit-exporter
USER 65532:65532
WORKDIR /var/lib/tuilivekit-exporter
VOLUME ["/var/lib/tuilivekit-exporter"]
# 19780 metrics and health, 19781 callbacks
EXPOSE 19780 19781
# With another port or with TLS, set TUILIVEKIT_EXPORTER_HEALTHCHECK_URL.
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s --retries=3 CMD ["/usr/bin/tuilivekit-exporter", "healthcheck"]
ENTRYPOINT ["/usr/bin/tuilivekit-exporter"]
