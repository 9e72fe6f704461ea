"""A cloud beside the simulated vCenter: its servers are the vCenter's machines, and a few more run on KVM.

The way of a request: ``server`` (HTTP, tokens, what goes wrong) -> ``compute``, ``identity``, ``neighbours`` (JSON) ->
``cloud`` (what there is). ``population`` begins it, ``operations`` is how Nova works, ``life`` chooses what happens,
``trouble`` is what goes wrong. Shapes are those of the recorded replies in tests/fixtures/openstack.
"""
