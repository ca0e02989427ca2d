"""Traces of a configuration management."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="puppet",
    summary="state and certificates of Puppet, Chef, Salt and CFEngine",
    reason="A child would report as its parent, and reports hold values of secrets.",
    set=Set.IDENTITY,
    rules=(
        remove(
            "/var/lib/puppet/{log,reports,state,ssl,client_data}/*",
            "/var/lib/puppet/*/*/*.yaml",
            "/var/log/puppet/*",
            "/opt/puppetlabs/puppet/cache/{client_data,state,reports}/*",
            "/etc/puppetlabs/puppet/ssl",
            "/etc/salt/minion_id",
            "/etc/chef/ohai",
            "/var/chef/{backup,cache}/*",
            "/var/cfengine/{ppkeys,state,outputs}/*",
        ),
    ),
)
