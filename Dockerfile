# The operator's image: the program, the libraries it loads, and nothing else; no shell, no package manager, not root.
#
#   docker build --build-arg COMMIT="$(git rev-parse --short HEAD)" -t registry.example/rempart/rempart-operator:0.1.0 .
#
# To compile only what changed since the last build, give the build a volume for its cache: with buildah or podman
# `-v /var/cache/rempart-ccache:/ccache`. Build arguments: COMMIT, which --version names; JOBS, compilers at once.
FROM docker.io/library/debian:bookworm-slim AS build
ENV CCACHE_DIR=/ccache DEBIAN_FRONTEND=noninteractive
WORKDIR /src
# A layer of its own, from the list that hack/bootstrap uses, less what only checks and tests need.
COPY hack/packages hack/
RUN apt-get update \
 && awk '$1 == "cpp" && $4 !~ /^(hack\/verify|tests|micro-benchmarks)/ {print $2}' hack/packages \
    | xargs apt-get install -y --no-install-recommends \
 && rm -rf /var/lib/apt/lists/*
COPY . .
ARG COMMIT=unknown
ARG JOBS=
RUN cmake --preset release -DREMPART_COMMIT="$COMMIT" \
 && cmake --build build/release --target rempart-operator ${JOBS:+--parallel "$JOBS"} \
 && strip build/release/bin/rempart-operator \
 && hack/image-root /image build/release/bin/rempart-operator \
 && install -D -m 644 LICENSE /image/usr/share/doc/rempart/copyright

FROM scratch
ARG COMMIT=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="rempart-operator" \
      org.opencontainers.image.description="Holds tenant workloads to the nodes of a sovereign region." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"
COPY --from=build /image/ /
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["/usr/bin/rempart-operator"]
