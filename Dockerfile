# rtdenoise for files, folders and pipes:
#   docker build -t rtdenoise .
#   docker run --rm --network none -u "$(id -u):$(id -g)" -v "$PWD:/data" rtdenoise file noisy.wav clean.wav
# For a GPU: docker build --build-arg EXTRAS=av,cuda ..., and docker run --gpus all ...
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY rtdenoise rtdenoise
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim-bookworm
ARG EXTRAS=av
# Without PortAudio only `live`, `devices` and `latency` are missing, and a container has no devices.
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(echo /wheels/*.whl)[${EXTRAS}]"
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1
WORKDIR /data
USER 1000
ENTRYPOINT ["rtdenoise"]
CMD ["--help"]
