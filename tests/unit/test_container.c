/* SPDX-License-Identifier: MIT */
#include "profiler/container.h"

#include "tests/support/tail_page.h"

#include <criterion/criterion.h>
#include <string.h>

#define ID "3f2a91c04c1e3f2a91c04c1e3f2a91c04c1e3f2a91c04c1e3f2a91c04c1e3f2a"
_Static_assert(sizeof ID == 65, "64 digits");

static bool parse(const char *text, struct container *ret)
{
	size_t len = strlen(text);

	return container_parse(tail_page(text, len), len, ret);
}

Test(container, names_that_engines_give)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
		{ "0::/system.slice/docker-" ID ".scope\n", "docker 3f2a91c04c1e" },
		{ "12:cpu:/docker/" ID "\n", "docker 3f2a91c04c1e" },
		{ "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID
		  ".scope/container\n",
		  "podman 3f2a91c04c1e" },
		{ "4:memory:/libpod_parent/libpod-" ID "\n", "podman 3f2a91c04c1e" },
		{ "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/"
		  "cri-containerd-" ID ".scope\n",
		  "containerd 3f2a91c04c1e" },
		{ "0::/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope",
		  "cri-o 3f2a91c04c1e" },
		{ "5:pids:/kubepods/besteffort/pod1234/" ID "\n", "kubernetes 3f2a91c04c1e" },
		{ "5:pids:/ecs/task/" ID "\n", "ecs 3f2a91c04c1e" },
		{ "5:pids:/what/ever/" ID "\n", "container 3f2a91c04c1e" },
		{ "0::/lxc.payload.web/system.slice/x.service\n", "lxc web" },
		{ "3:cpu:/lxc/web-1\n", "lxc web-1" },
		{ "0::/machine.slice/systemd-nspawn@deb.service/payload\n", "nspawn deb" },
		{ "0::/machine.slice/machine-deb.scope\n", "machine deb" },
		{ "9:name=systemd:/\n8:pids:/\n4:memory:/docker/" ID "\n0::/\n",
		  "docker 3f2a91c04c1e" },
		{ "0::/docker/" ID "/docker/ab" ID "\n", "docker 3f2a91c04c1e" },
		{ "0::/lxc/a\033[1m;b\n", "lxc a??1m?b" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct container c;
		char said[64];

		cr_assert(parse(rows[i].text, &c), "%s", rows[i].text);
		container_describe(&c, said);
		cr_expect_str_eq(said, rows[i].said, "%s: %s", rows[i].text, said);
	}
}

Test(container, the_innermost_counts)
{
	struct container c;

	cr_assert(parse("0::/lxc.payload.outer/system.slice/docker-" ID ".scope\n", &c));
	cr_expect_str_eq(c.engine, "docker");
	cr_expect_str_eq(c.id, ID);
}

Test(container, groups_that_are_none)
{
	static const char *const rows[] = { "",
					    "\n\n",
					    "0::/\n",
					    "0::/../..\n",
					    "0::/user.slice/user-0.slice/session-1.scope\n",
					    "0::/system.slice/docker.service\n",
					    "0::/system.slice/docker-.scope\n",
					    "0::/system.slice/docker-3f2a.scope\n",
					    "0::/libpod-conmon-" ID ".scope\n",
					    "0::/docker/" ID "0\n",
					    "0::/lxc/\n",
					    ID "\n",
					    "4:" ID,
					    "4::",
					    ":::::::" };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct container c;

		cr_expect_not(parse(rows[i], &c), "%s", rows[i]);
	}
}

Test(container, a_long_name_is_cut)
{
	struct container c;
	char text[400], said[64];

	memset(text, 'n', sizeof text);
	memcpy(text, "0::/lxc/", 8);
	text[399] = '\0';
	cr_assert(parse(text, &c));
	cr_expect_eq(strlen(c.id), CONTAINER_ID_MAX - 1);
	container_describe(&c, said);
	cr_expect_lt(strlen(said), 63);
}
