#!/bin/bash
# Stops what up.sh started, by pid. --wipe also removes the data, but not the virtual environment.
set -u
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

for name in nova-compute-vmware1 nova-compute-vmware2 nova-compute-fake1 nova-conductor nova-scheduler; do stop "$name" & done
wait
for name in nova-api neutron glance placement keystone vcsim; do stop "$name" & done
wait
for name in rabbitmq mariadb; do stop "$name" 20 & done
wait
stop epmd
if [ "${1:-}" = --wipe ]; then
    rm -rf "$LAB_STATE"/{mysql,rabbit,keystone,nova,glance,neutron,vcsim,log,conf,run,openrc,db.sock}
fi
say down
