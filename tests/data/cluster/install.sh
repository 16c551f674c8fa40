mkdir -p /etc/kata-lab/none-9p-kata-rs/config.d
sed 's|/opt/kata/|/opt/kata-rs-4.1.0/|g' /opt/kata-rs-4.1.0/share/defaults/kata-containers/runtime-rs/configuration-qemu-runtime-rs.toml >/etc/kata-lab/none-9p-kata-rs/configuration.toml
cat >/etc/kata-lab/none-9p-kata-rs/config.d/60-lab.toml <<'DROP_IN'
# none+9p+kata-rs: written by the lab.
[hypervisor.qemu]
default_vcpus = 1
default_memory = 512
shared_fs = "virtio-9p"
disable_block_device_use = false

[agent.kata]
reconnect_timeout_ms = 240000
create_container_timeout = 600

[runtime]
internetworking_model = "none"
DROP_IN
