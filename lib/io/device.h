// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// A DEV string of the command line, taken apart: what DPDK calls the device, the arguments its
// driver wants, and what the process has to be allowed for it. No DPDK header and no state:
// hc_runtime_start() parses every DEV before EAL starts, so that a typing error costs no start.

#include <handclasp/runtime.h>

#define HC_DEVICE_TEXT_SIZE 128u // Of a DEV string, as in struct hc_port.
#define HC_DEVICE_NAME_SIZE 64u
#define HC_DEVICE_ARGS_SIZE 256u

enum hc_device_form {
	HC_DEVICE_PCI,
	HC_DEVICE_RING,
	HC_DEVICE_TAP,
	HC_DEVICE_AF_PACKET,
	HC_DEVICE_AF_XDP,
	HC_DEVICE_MEMIF,
	HC_DEVICE_VDEV, // Any other --vdev string, passed through.
};

struct hc_device {
	enum hc_device_form form;
	char text[HC_DEVICE_TEXT_SIZE]; // As the user wrote it.
	char name[HC_DEVICE_NAME_SIZE]; // DPDK's name: "net_tap0", "0000:01:00.0".
	char args[HC_DEVICE_ARGS_SIZE]; // Of the driver, without queues: "iface=hc0".
	char iface[16];                 // Kernel interface of tap, af_packet and af_xdp, else "".
};

// Takes `text` apart as the instance-th of its form (0, 1, ...).
// @return 0, or -EINVAL with a sentence in `why`.
HC_MUST_USE int hc_device_parse(const char *text, unsigned instance, struct hc_device *out,
				char why[HC_WHY_SIZE]);

// Arguments for the driver with `queue_count` queues: the parsed ones, and a number of queues where
// the driver wants to hear it when the device is made. @return false if they do not fit.
HC_MUST_USE bool hc_device_queue_args(const struct hc_device *dev, unsigned queue_count,
				      char args[HC_DEVICE_ARGS_SIZE]);

// Whether the kernel will let this process have the device, as far as that can be seen beforehand.
// @return 0, -EPERM or -ENODEV with a sentence that says what to do in `why`.
HC_MUST_USE int hc_device_is_allowed(const struct hc_device *dev, char why[HC_WHY_SIZE]);

// Whether the form is a driver in software, whose link needs no waiting for and which spreads
// nothing over queues whatever it advertises.
bool hc_device_is_soft(const struct hc_device *dev);
