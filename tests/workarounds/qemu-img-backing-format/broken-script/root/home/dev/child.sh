#!/bin/sh
# qemu-img create -b base.qcow2 -f qcow2 old.qcow2
qemu-img create -b devstack_base.qcow2 -f qcow2 devstack.qcow2
qemu-img create -f qcow2 -b other.qcow2 -F qcow2 child.qcow2
qemu-img create -f qcow2 plain.qcow2 1G
