// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// DEV strings. A string is tried as "ring", as PREFIX:REST for the short forms, as a PCI address,
// and last as a --vdev string of a driver whose name starts as those of network drivers do;
// anything else is refused with a sentence that lists what would have been understood.
//
// Permission is looked at before the driver is asked, because drivers answer -1 for everything: a
// TAP and an XDP socket need CAP_NET_ADMIN, a packet socket CAP_NET_RAW, in the user namespace that
// owns the network namespace.

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "io/device.h"
#include "io/why.h"

#define CAP_BIT_NET_ADMIN  12u  // linux/capability.h: CAP_NET_ADMIN.
#define CAP_BIT_NET_RAW    13u  // linux/capability.h: CAP_NET_RAW.
#define MEMIF_SOCKET_BYTES 108u // sizeof sun_path: the socket's name and a 0.

// A short form: "prefix:REST" becomes the driver with REST as its interface.
static const struct {
	const char *prefix;
	const char *driver;
	enum hc_device_form form;
} short_forms[] = {
	{"tap:", "net_tap", HC_DEVICE_TAP},
	{"af_packet:", "net_af_packet", HC_DEVICE_AF_PACKET},
	{"af_xdp:", "net_af_xdp", HC_DEVICE_AF_XDP},
	{"memif:", "net_memif", HC_DEVICE_MEMIF},
};

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

// What the kernel takes as the name of an interface (dev_valid_name()), less '%', which it would
// read as a pattern, and ',', which ends an argument of EAL.
static bool is_iface_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)name[i]) || strchr("/:,%", name[i]))
			return false;
	return true;
}

static int parse_iface(const char *rest, struct hc_device *out, char why[HC_WHY_SIZE])
{
	if (!is_iface_name(rest))
		return hc_why(why, -EINVAL,
			      "\"%s\" does not name an interface: give 1 to 15 characters without "
			      "space, slash, colon, comma and percent sign, as in \"tap:hc0\".",
			      out->text);
	(void)snprintf(out->iface, sizeof out->iface, "%s", rest);
	(void)snprintf(out->args, sizeof out->args, "iface=%s", rest);
	return 0;
}

// SOCKET[,server|client]. A name with a slash is a path; any other is an abstract one, which lives
// in the network namespace and leaves no file behind.
static int parse_memif(const char *rest, struct hc_device *out, char why[HC_WHY_SIZE])
{
	const char *comma = strchr(rest, ',');
	size_t len = comma ? (size_t)(comma - rest) : strlen(rest);
	const char *role = comma ? comma + 1 : "client";
	bool is_path;

	if (len == 0 || len >= MEMIF_SOCKET_BYTES)
		return hc_why(why, -EINVAL,
			      "\"%s\" does not name a memif socket: give a path of at most %u "
			      "characters, as in \"memif:/run/hc.sock,server\".",
			      out->text, MEMIF_SOCKET_BYTES - 1);
	if (strcmp(role, "server") != 0 && strcmp(role, "client") != 0)
		return hc_why(why, -EINVAL,
			      "\"%s\" has the memif role \"%s\": one side says \"server\", the "
			      "other \"client\".",
			      out->text, role);
	is_path = memchr(rest, '/', len) != NULL;
	(void)snprintf(out->args, sizeof out->args, "role=%s,id=0,socket=%.*s,socket-abstract=%s",
		       role, (int)len, rest, is_path ? "no" : "yes");
	return 0;
}

// Reads `digits` hexadecimal digits. @return what follows them, NULL if they are not there.
static const char *skip_hex(const char *text, unsigned digits)
{
	for (unsigned i = 0; i < digits; i++)
		if (!isxdigit((unsigned char)text[i]))
			return NULL;
	return text + digits;
}

// [DOMAIN:]BUS:DEVICE.FUNCTION[,driver arguments]. DPDK's name of the device has the domain.
static bool parse_pci(const char *text, struct hc_device *out)
{
	const char *at = skip_hex(text, 4);
	bool has_domain = at && *at == ':';
	const char *bus = has_domain ? at + 1 : text;
	const char *end;

	at = skip_hex(bus, 2);
	if (!at || *at++ != ':' || !(at = skip_hex(at, 2)) || *at++ != '.' || *at < '0' ||
	    *at > '7')
		return false;
	end = at + 1;
	if (*end != '\0' && *end != ',')
		return false;
	(void)snprintf(out->name, sizeof out->name, "%s%.*s",
		       has_domain ? "" : "0000:", (int)(end - text), text);
	for (char *c = out->name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (*end == ',')
		(void)snprintf(out->args, sizeof out->args, "%s", end + 1);
	return true;
}

// NAME[,args], NAME being that of a driver and what tells its instances apart.
static bool parse_vdev(const char *text, struct hc_device *out)
{
	size_t len = strcspn(text, ",");

	if (!has_prefix(text, "net_") && !has_prefix(text, "eth_") &&
	    !has_prefix(text, "virtio_user"))
		return false;
	if (len == strlen("net_") || len >= sizeof out->name)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '_')
			return false;
	(void)snprintf(out->name, sizeof out->name, "%.*s", (int)len, text);
	if (text[len] == ',')
		(void)snprintf(out->args, sizeof out->args, "%s", text + len + 1);
	return true;
}

static int parse_short(const char *text, unsigned instance, struct hc_device *out,
		       char why[HC_WHY_SIZE])
{
	for (unsigned i = 0; i < HC_ARRAY_LEN(short_forms); i++) {
		const char *rest = text + strlen(short_forms[i].prefix);

		if (!has_prefix(text, short_forms[i].prefix))
			continue;
		out->form = short_forms[i].form;
		(void)snprintf(out->name, sizeof out->name, "%s%u", short_forms[i].driver,
			       instance);
		return out->form == HC_DEVICE_MEMIF ? parse_memif(rest, out, why)
						    : parse_iface(rest, out, why);
	}
	return -ENOENT;
}

int hc_device_parse(const char *text, unsigned instance, struct hc_device *out,
		    char why[HC_WHY_SIZE])
{
	size_t len = strlen(text);
	int err;

	memset(out, 0, sizeof *out);
	if (len >= sizeof out->text)
		return hc_why(why, -EINVAL,
			      "A device string of %zu characters is too long: %zu "
			      "are taken; shorten the path or the driver's arguments.",
			      len, sizeof out->text - 1);
	memcpy(out->text, text, len + 1);
	if (strcmp(text, "ring") == 0) {
		out->form = HC_DEVICE_RING;
		(void)snprintf(out->name, sizeof out->name, "ring");
		return 0;
	}
	err = parse_short(text, instance, out, why);
	if (err != -ENOENT)
		return err;
	out->form = HC_DEVICE_PCI;
	if (parse_pci(text, out))
		return 0;
	out->form = HC_DEVICE_VDEV;
	if (parse_vdev(text, out))
		return 0;
	return hc_why(why, -EINVAL,
		      "\"%s\" is no device: give a PCI address such as 0000:01:00.0, tap:NAME, "
		      "af_packet:IFACE, af_xdp:IFACE, memif:SOCKET[,server|client], ring, or a "
		      "--vdev string such as net_pcap0,iface=eth1.",
		      text);
}

bool hc_device_queue_args(const struct hc_device *dev, unsigned queue_count,
			  char args[HC_DEVICE_ARGS_SIZE])
{
	int len;

	if (dev->form == HC_DEVICE_AF_PACKET)
		len = snprintf(args, HC_DEVICE_ARGS_SIZE, "%s,qpairs=%u", dev->args, queue_count);
	else if (dev->form == HC_DEVICE_AF_XDP)
		len = snprintf(args, HC_DEVICE_ARGS_SIZE, "%s,queue_count=%u", dev->args,
			       queue_count);
	else
		len = snprintf(args, HC_DEVICE_ARGS_SIZE, "%s", dev->args);
	return len >= 0 && (unsigned)len < HC_DEVICE_ARGS_SIZE;
}

// Whether the effective capability `bit` is ours. Unknown counts as yes: the driver will tell.
static bool has_capability(unsigned bit)
{
	FILE *f = fopen("/proc/self/status", "re");
	uint64_t set = UINT64_MAX;
	char line[256];

	if (!f)
		return true;
	while (fgets(line, sizeof line, f))
		if (has_prefix(line, "CapEff:"))
			set = strtoull(line + strlen("CapEff:"), NULL, 16);
	(void)fclose(f);
	return (set >> bit & 1) != 0;
}

int hc_device_check(const char *device, char why[HC_WHY_SIZE])
{
	struct hc_device dev;

	return hc_device_parse(device, 0, &dev, why);
}

static int tap_is_allowed(const struct hc_device *dev, char why[HC_WHY_SIZE])
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return hc_why(why, -EPERM,
			      "Cannot open /dev/net/tun for \"%s\": run as root, or "
			      "let this user read and write that file.",
			      dev->text);
	if (fd < 0)
		return hc_why(why, -ENODEV,
			      "Cannot open /dev/net/tun for \"%s\" (%s): load the "
			      "kernel's TAP driver with \"modprobe tun\".",
			      dev->text, strerror(errno));
	(void)close(fd);
	if (!has_capability(CAP_BIT_NET_ADMIN))
		return hc_why(why, -EPERM,
			      "Making the interface \"%s\" takes CAP_NET_ADMIN: run "
			      "as root, or start the program by \"unshare -Urn\" in a network "
			      "namespace of your own.",
			      dev->iface);
	return 0;
}

int hc_device_is_allowed(const struct hc_device *dev, char why[HC_WHY_SIZE])
{
	if (dev->form == HC_DEVICE_TAP)
		return tap_is_allowed(dev, why);
	if (dev->form != HC_DEVICE_AF_PACKET && dev->form != HC_DEVICE_AF_XDP)
		return 0;
	if (if_nametoindex(dev->iface) == 0)
		return hc_why(why, -ENODEV,
			      "There is no interface \"%s\" in this network "
			      "namespace: \"ip link\" lists those there are.",
			      dev->iface);
	if (dev->form == HC_DEVICE_AF_PACKET && !has_capability(CAP_BIT_NET_RAW))
		return hc_why(why, -EPERM,
			      "A packet socket on \"%s\" takes CAP_NET_RAW: run as "
			      "root, or in a user namespace that owns the network namespace.",
			      dev->iface);
	if (dev->form == HC_DEVICE_AF_XDP && !has_capability(CAP_BIT_NET_ADMIN))
		return hc_why(why, -EPERM,
			      "An XDP socket on \"%s\" takes CAP_NET_ADMIN and "
			      "CAP_BPF: run as root.",
			      dev->iface);
	return 0;
}

bool hc_device_is_soft(const struct hc_device *dev)
{
	return dev->form != HC_DEVICE_PCI;
}
