/*
 * linkwatch HANDLER: keeps one HANDLER running for each wired network card
 * that has a link.
 *
 * The kernel tells of cards and links over rtnetlink(7), so nothing polls and
 * a card plugged in later is served like one that was there at boot:
 *
 *     HANDLER IF up     started when the link of IF comes up; may keep running
 *                       (a DHCP client). Ending with DONE means: all is set.
 *                       Ending otherwise: started again after a pause.
 *                       Gets SIGUSR1 when the link was gone only briefly.
 *     HANDLER IF down   run when the link has been gone for GRACE seconds or
 *                       the card itself is gone; the "up" one has ended by then.
 *
 * The loopback interface is brought up once. Bridges, veth pairs and the like
 * belong to the container runtimes and are left alone; so is Wi-Fi. A card is
 * brought up when it is first seen and never again, so that a person can take
 * it down.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE 4 /* seconds without a link until addresses go */
#define PAUSE 3 /* seconds until a failed handler is started again */
#define CARDS 64
#define DONE  10 /* exit status of a handler that has nothing more to do */
#ifndef IFF_LOWER_UP /* linux/if.h has it, but cannot stand beside net/if.h */
#define IFF_LOWER_UP (1 << 16)
#endif

struct card {
	int index;         /* 0: this place is free */
	char name[IFNAMSIZ];
	int link;          /* has a link */
	int served;        /* "up" was started and no "down" since */
	pid_t pid;         /* of the running handler, or 0 */
	time_t at;         /* when to do the next step, 0: never */
};

static struct card cards[CARDS];
static char *handler;
static int netlink;
static sigset_t blocked;

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void complain(const char *what)
{
	const char *why = strerror(errno);

	if (write(2, "linkwatch: ", 11) < 0 || write(2, what, strlen(what)) < 0 || write(2, ": ", 2) < 0 ||
	    write(2, why, strlen(why)) < 0 || write(2, "\n", 1) < 0)
		return;
}

static pid_t start(struct card *c, char *verb)
{
	char *argv[] = { handler, c->name, verb, 0 };
	pid_t pid = fork();

	if (pid < 0)
		complain("fork");
	if (pid)
		return pid > 0 ? pid : 0;
	sigprocmask(SIG_UNBLOCK, &blocked, 0);
	setpgid(0, 0);
	execv(handler, argv);
	complain(handler);
	_exit(127);
}

static void up(struct card *c)
{
	c->at = 0;
	c->served = 1;
	c->pid = start(c, "up");
	if (!c->pid)
		c->at = now() + PAUSE;
}

static void down(struct card *c)
{
	const struct timespec tick = { .tv_nsec = 50000000 };
	int ticks = 0;

	c->at = 0;
	if (c->pid) { /* a second to end by itself */
		kill(-c->pid, SIGTERM);
		while (waitpid(c->pid, 0, WNOHANG) == 0) {
			nanosleep(&tick, 0);
			if (++ticks == 20)
				kill(-c->pid, SIGKILL);
		}
		c->pid = 0;
	}
	if (c->served) {
		pid_t pid = start(c, "down");

		if (pid)
			waitpid(pid, 0, 0);
	}
	c->served = 0;
}

/* Does what is due and returns the milliseconds until something is, or -1. */
static int due(void)
{
	time_t t = now(), next = 0;
	struct card *c;

	for (c = cards; c < cards + CARDS; c++) {
		if (!c->index)
			continue;
		if (c->at && c->at <= t) {
			if (c->link)
				up(c);
			else
				down(c);
		}
		if (c->at && (!next || c->at < next))
			next = c->at;
	}
	return next ? (next > t ? (int)(next - t) * 1000 : 0) : -1;
}

static void reap(void)
{
	struct card *c;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (c = cards; c < cards + CARDS; c++)
			if (c->index && c->pid == pid) {
				c->pid = 0;
				if (c->link && !(WIFEXITED(status) && WEXITSTATUS(status) == DONE))
					c->at = now() + PAUSE;
			}
}

static int sys(const char *name, const char *leaf)
{
	char path[80] = "/sys/class/net/";

	strcat(path, name);
	strcat(path, leaf);
	return access(path, F_OK) == 0;
}

static void raise_link(int index)
{
	struct { struct nlmsghdr h; struct ifinfomsg i; } m;

	memset(&m, 0, sizeof m);
	m.h.nlmsg_len = sizeof m;
	m.h.nlmsg_type = RTM_NEWLINK;
	m.h.nlmsg_flags = NLM_F_REQUEST;
	m.i.ifi_index = index;
	m.i.ifi_flags = m.i.ifi_change = IFF_UP;
	if (send(netlink, &m, sizeof m, 0) < 0)
		complain("bring a link up");
}

static struct card *find(int index, int make)
{
	struct card *c, *empty = 0;

	for (c = cards; c < cards + CARDS; c++) {
		if (c->index == index)
			return c;
		if (!c->index && !empty)
			empty = c;
	}
	if (!make || !empty)
		return 0;
	memset(empty, 0, sizeof *empty);
	empty->index = index;
	return empty;
}

static void changed(struct nlmsghdr *h)
{
	struct ifinfomsg *i = NLMSG_DATA(h);
	int len = h->nlmsg_len - NLMSG_LENGTH(sizeof *i), link, new;
	struct card *c = find(i->ifi_index, 0);
	struct rtattr *a;
	const char *name = 0;

	if (h->nlmsg_type == RTM_DELLINK) {
		if (c && i->ifi_family == AF_UNSPEC) {
			c->link = 0;
			down(c);
			c->index = 0;
		}
		return;
	}
	for (a = IFLA_RTA(i); RTA_OK(a, len); a = RTA_NEXT(a, len))
		if (a->rta_type == IFLA_IFNAME)
			name = RTA_DATA(a);
	if (!name || strlen(name) >= IFNAMSIZ)
		return;
	if (i->ifi_flags & IFF_LOOPBACK) {
		if (!(i->ifi_flags & IFF_UP))
			raise_link(i->ifi_index);
		return;
	}
	new = !c;
	if (new) {
		if (i->ifi_type != ARPHRD_ETHER || !sys(name, "/device") || sys(name, "/phy80211"))
			return;
		c = find(i->ifi_index, 1);
		if (!c)
			return;
	}
	strcpy(c->name, name);
	if (new && !(i->ifi_flags & IFF_UP))
		raise_link(i->ifi_index);
	link = (i->ifi_flags & IFF_UP) && (i->ifi_flags & IFF_LOWER_UP);
	if (link == c->link)
		return;
	c->link = link;
	if (!link)
		c->at = now() + GRACE;
	else if (c->pid) { /* a short loss: ask the DHCP client to look whether the network is still the same */
		c->at = 0;
		kill(c->pid, SIGUSR1);
	} else if (!c->served || c->at)
		up(c);
}

static void list(void)
{
	struct { struct nlmsghdr h; struct ifinfomsg i; } m;

	memset(&m, 0, sizeof m);
	m.h.nlmsg_len = sizeof m;
	m.h.nlmsg_type = RTM_GETLINK;
	m.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (send(netlink, &m, sizeof m, 0) < 0)
		complain("list the links");
}

static void hear(void)
{
	static char buf[32768] __attribute__((aligned(8)));
	struct nlmsghdr *h = (struct nlmsghdr *)buf;
	ssize_t n = recv(netlink, buf, sizeof buf, MSG_DONTWAIT);

	if (n < 0 && errno == ENOBUFS) /* too much happened at once: look at everything again */
		list();
	for (; n > 0 && NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n))
		if (h->nlmsg_type == RTM_NEWLINK || h->nlmsg_type == RTM_DELLINK)
			changed(h);
}

int main(int argc, char **argv)
{
	struct sockaddr_nl me = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };
	struct signalfd_siginfo info;
	struct card *c;

	if (argc != 2)
		return 2;
	handler = argv[1];
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, 0);
	fds[0].fd = netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	fds[1].fd = signalfd(-1, &blocked, SFD_CLOEXEC);
	if (netlink < 0 || fds[1].fd < 0 || bind(netlink, (struct sockaddr *)&me, sizeof me) < 0) {
		complain("netlink");
		return 1;
	}
	list();
	for (;;) {
		if (poll(fds, 2, due()) < 0 && errno != EINTR) {
			complain("poll");
			return 1;
		}
		if (fds[0].revents)
			hear();
		if (fds[1].revents && read(fds[1].fd, &info, sizeof info) == sizeof info) {
			if (info.ssi_signo == SIGTERM)
				break;
			reap();
		}
	}
	for (c = cards; c < cards + CARDS; c++)
		if (c->index && c->pid)
			kill(-c->pid, SIGTERM);
	return 0;
}
