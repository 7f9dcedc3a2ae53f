// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// DEV strings: each form, what becomes of it, and each way to get it wrong, with a sentence.

#include "io/device.h"

#include "runner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

static void understood(const char *text, unsigned instance, enum hc_device_form form,
		       const char *name, const char *args)
{
	struct hc_device dev;
	char why[HC_WHY_SIZE] = "";

	UNIT_EQ(hc_device_parse(text, instance, &dev, why), 0);
	UNIT_EQ(dev.form, form);
	CU_ASSERT_STRING_EQUAL(dev.text, text);
	CU_ASSERT_STRING_EQUAL(dev.name, name);
	CU_ASSERT_STRING_EQUAL(dev.args, args);
	CU_ASSERT_STRING_EQUAL(why, "");
}

// Refused with one sentence that shows what was given.
static void refused(const char *text)
{
	struct hc_device dev;
	char why[HC_WHY_SIZE] = "";

	UNIT_EQ(hc_device_parse(text, 0, &dev, why), -EINVAL);
	CU_ASSERT(strlen(why) > 20);
	UNIT_EQ(why[strlen(why) - 1], '.');
	CU_ASSERT(strlen(text) >= HC_DEVICE_TEXT_SIZE || strstr(why, text) != NULL);
}

static void short_forms_name_a_driver_and_an_interface(void)
{
	understood("tap:hc0", 0, HC_DEVICE_TAP, "net_tap0", "iface=hc0");
	understood("tap:hc0", 3, HC_DEVICE_TAP, "net_tap3", "iface=hc0");
	understood("af_packet:eth0", 1, HC_DEVICE_AF_PACKET, "net_af_packet1", "iface=eth0");
	understood("af_xdp:enp3s0f1", 0, HC_DEVICE_AF_XDP, "net_af_xdp0", "iface=enp3s0f1");
	understood("tap:fifteen-letters", 0, HC_DEVICE_TAP, "net_tap0", "iface=fifteen-letters");
	understood("ring", 0, HC_DEVICE_RING, "ring", "");
}

static void interface_names_are_those_of_the_kernel(void)
{
	struct hc_device dev;
	char why[HC_WHY_SIZE];

	refused("tap:");
	refused("tap:sixteen-letters-");
	refused("tap:a/b");
	refused("tap:a b");
	refused("tap:a,b");
	refused("tap:a:b");
	refused("tap:hc%d");
	refused("tap:.");
	refused("tap:..");
	refused("tap:a\tb");
	refused("af_packet:");
	refused("af_xdp:eth0,queue=1");
	UNIT_EQ(hc_device_parse("af_packet:eth0", 0, &dev, why), 0);
	CU_ASSERT_STRING_EQUAL(dev.iface, "eth0");
}

static void memif_has_a_socket_and_a_role(void)
{
	char text[HC_DEVICE_TEXT_SIZE];

	understood("memif:/run/a.sock", 0, HC_DEVICE_MEMIF, "net_memif0",
		   "role=client,id=0,socket=/run/a.sock,socket-abstract=no");
	understood("memif:/run/a.sock,server", 1, HC_DEVICE_MEMIF, "net_memif1",
		   "role=server,id=0,socket=/run/a.sock,socket-abstract=no");
	understood("memif:a,client", 0, HC_DEVICE_MEMIF, "net_memif0",
		   "role=client,id=0,socket=a,socket-abstract=yes");
	refused("memif:");
	refused("memif:,server");
	refused("memif:/run/a.sock,");
	refused("memif:/run/a.sock,master");
	refused("memif:/run/a.sock,server,x");

	// 107 characters fit into sun_path with their 0, 108 do not.
	(void)snprintf(text, sizeof text, "memif:%0107u", 0u);
	text[6] = '/';
	CU_ASSERT(hc_device_parse(text, 0, &(struct hc_device){0}, (char[HC_WHY_SIZE]){0}) == 0);
	(void)snprintf(text, sizeof text, "memif:%0108u", 0u);
	refused(text);
}

static void pci_addresses_get_their_domain(void)
{
	understood("0000:01:00.0", 0, HC_DEVICE_PCI, "0000:01:00.0", "");
	understood("01:00.0", 0, HC_DEVICE_PCI, "0000:01:00.0", "");
	understood("ABCD:3F:1f.7", 5, HC_DEVICE_PCI, "abcd:3f:1f.7", "");
	understood("01:00.0,llq_policy=1", 0, HC_DEVICE_PCI, "0000:01:00.0", "llq_policy=1");
	refused("0000:01:00.8");
	refused("0000:01:00");
	refused("0000:01:00.0x");
	refused("0000:1:00.0");
	refused("000:01:00.0");
	refused("0000:0g:00.0");
	refused("01:00.");
	refused("01:00.0;");
}

static void other_vdev_strings_pass_through(void)
{
	understood("net_pcap0,rx_pcap=a.pcap,tx_pcap=b.pcap", 0, HC_DEVICE_VDEV, "net_pcap0",
		   "rx_pcap=a.pcap,tx_pcap=b.pcap");
	understood("net_null0", 0, HC_DEVICE_VDEV, "net_null0", "");
	understood("eth_vhost0,iface=/tmp/s", 0, HC_DEVICE_VDEV, "eth_vhost0", "iface=/tmp/s");
	understood("virtio_user0,path=/dev/vhost-net", 0, HC_DEVICE_VDEV, "virtio_user0",
		   "path=/dev/vhost-net");
	refused("net_");
	refused("net_ta p0");
	refused("crypto_null0");
	refused("");
	refused("eth0");
	refused("rings");
	refused("Ring");
}

static void strings_that_are_too_long_are_refused(void)
{
	char text[HC_DEVICE_TEXT_SIZE + 2];

	memset(text, 'a', sizeof text);
	memcpy(text, "net_pcap0,", 10);
	text[HC_DEVICE_TEXT_SIZE - 1] = '\0';
	CU_ASSERT(hc_device_parse(text, 0, &(struct hc_device){0}, (char[HC_WHY_SIZE]){0}) == 0);
	text[HC_DEVICE_TEXT_SIZE - 1] = 'a';
	text[HC_DEVICE_TEXT_SIZE] = '\0';
	refused(text);
	memset(text, 'a', HC_DEVICE_NAME_SIZE + 4);
	memcpy(text, "net_", 4);
	text[HC_DEVICE_NAME_SIZE] = '\0';
	refused(text);
}

static void drivers_hear_the_queues_where_they_want_to(void)
{
	char args[HC_DEVICE_ARGS_SIZE];
	char why[HC_WHY_SIZE];
	struct hc_device dev;

	UNIT_EQ(hc_device_parse("af_packet:eth0", 0, &dev, why), 0);
	CU_ASSERT(hc_device_queue_args(&dev, 4, args));
	CU_ASSERT_STRING_EQUAL(args, "iface=eth0,qpairs=4");
	UNIT_EQ(hc_device_parse("af_xdp:eth0", 0, &dev, why), 0);
	CU_ASSERT(hc_device_queue_args(&dev, 2, args));
	CU_ASSERT_STRING_EQUAL(args, "iface=eth0,queue_count=2");
	UNIT_EQ(hc_device_parse("tap:hc0", 0, &dev, why), 0);
	CU_ASSERT(hc_device_queue_args(&dev, 2, args));
	CU_ASSERT_STRING_EQUAL(args, "iface=hc0");
	memset(dev.args, 'a', sizeof dev.args - 1);
	dev.form = HC_DEVICE_AF_XDP;
	CU_ASSERT(!hc_device_queue_args(&dev, 2, args));
}

static void interfaces_that_are_not_there_are_told_beforehand(void)
{
	char why[HC_WHY_SIZE] = "";
	struct hc_device dev;

	UNIT_EQ(hc_device_parse("af_packet:no-such-iface", 0, &dev, why), 0);
	UNIT_EQ(hc_device_is_allowed(&dev, why), -ENODEV);
	CU_ASSERT(strstr(why, "no-such-iface") != NULL);
	UNIT_EQ(hc_device_parse("ring", 0, &dev, why), 0);
	UNIT_EQ(hc_device_is_allowed(&dev, why), 0);
}

static void only_cards_are_not_software(void)
{
	static const char *const soft[] = {"ring",        "tap:a",    "memif:a",
					   "af_packet:a", "af_xdp:a", "net_null0"};
	char why[HC_WHY_SIZE];
	struct hc_device dev;

	for (unsigned i = 0; i < HC_ARRAY_LEN(soft); i++) {
		UNIT_EQ(hc_device_parse(soft[i], 0, &dev, why), 0);
		CU_ASSERT(hc_device_is_soft(&dev));
	}
	UNIT_EQ(hc_device_parse("01:00.0", 0, &dev, why), 0);
	CU_ASSERT(!hc_device_is_soft(&dev));
}

static void a_string_is_checked_without_its_device(void)
{
	char why[HC_WHY_SIZE];

	UNIT_EQ(hc_device_check("af_packet:nosuchif0", why), 0);
	UNIT_EQ(hc_device_check("0000:ff:1f.7", why), 0);
	UNIT_EQ(hc_device_check("tap:", why), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "tap:"));
}

UNIT_SUITE(device, UNIT_TEST(a_string_is_checked_without_its_device),
	   UNIT_TEST(short_forms_name_a_driver_and_an_interface),
	   UNIT_TEST(interface_names_are_those_of_the_kernel),
	   UNIT_TEST(memif_has_a_socket_and_a_role), UNIT_TEST(pci_addresses_get_their_domain),
	   UNIT_TEST(other_vdev_strings_pass_through),
	   UNIT_TEST(strings_that_are_too_long_are_refused),
	   UNIT_TEST(drivers_hear_the_queues_where_they_want_to),
	   UNIT_TEST(interfaces_that_are_not_there_are_told_beforehand),
	   UNIT_TEST(only_cards_are_not_software));
