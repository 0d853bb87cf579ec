# The machine that drill is developed and tested on: Debian 12 with what scripts/setup installs, and nothing else.
#
#   docker build -t k3s-drill-dev .
#   docker run --rm -it --privileged -v "$PWD:/k3s-drill" k3s-drill-dev scripts/test -L unit
#
# --privileged: a drill's sandbox and the lab nodes of the tests are made of namespaces.
FROM debian:12

# setup reads the versions of the stand-in's modules.
COPY scripts/setup /k3s-drill/scripts/setup
COPY scenarios/standin/go.mod scenarios/standin/go.sum /k3s-drill/scenarios/standin/
RUN /k3s-drill/scripts/setup && apt-get clean && rm -rf /var/lib/apt/lists/*

WORKDIR /k3s-drill
CMD ["bash"]
