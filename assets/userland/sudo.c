/*
 * sudo for a system without passwords: members of the group "wheel" become
 * root, or another user with -u, and nobody else does.
 *
 *     sudo [-u USER] [-n] [-E] [-H] [--] COMMAND [ARGS]   run a command
 *     sudo [-u USER] -s                                   the user's shell
 *     sudo [-u USER] -i [COMMAND [ARGS]]                  a login shell
 *
 * It knows no configuration, no rules per command and no log. Installed
 * setuid root; musl's start-up code has seen to it that descriptors 0 to 2 are
 * open. The environment is made anew.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHEEL 10 /* the group's number in /etc/group */
#define PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void say(const char *s)
{
	if (write(2, s, strlen(s)) < 0)
		_exit(1);
}

static _Noreturn void die(int code, const char *what, const char *why)
{
	say("sudo: ");
	say(what);
	if (why) {
		say(": ");
		say(why);
	}
	say("\n");
	_exit(code);
}

static int may(void)
{
	gid_t groups[256];
	int n = getgroups(256, groups);

	if (getuid() == 0 || getgid() == WHEEL)
		return 1;
	while (n > 0)
		if (groups[--n] == WHEEL)
			return 1;
	return 0;
}

static char *join(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	char *s = malloc(la + lb + 1);

	if (!s)
		die(1, "out of memory", 0);
	memcpy(s, a, la);
	memcpy(s + la, b, lb + 1);
	return s;
}

/* What a command may keep of the caller's environment, with or without -E. */
static int kept(const char *v, int all)
{
	static const char *const always[] = { "TERM=", "COLORTERM=", "LANG=", "LC_", "TZ=", "DISPLAY=", "SSH_AUTH_SOCK=",
		"http_proxy=", "https_proxy=", "no_proxy=", 0 };
	static const char *const never[] = { "LD_", "PATH=", "HOME=", "USER=", "LOGNAME=", "SHELL=", "SUDO_", "IFS=", "ENV=",
		"BASH_ENV=", "TMPDIR=", "GCONV_PATH=", "LOCPATH=", "NLSPATH=", "RES_OPTIONS=", "HOSTALIASES=", 0 };
	const char *const *p;

	for (p = never; *p; p++)
		if (!strncmp(v, *p, strlen(*p)))
			return 0;
	for (p = always; *p; p++)
		if (!strncmp(v, *p, strlen(*p)))
			return 1;
	return all;
}

static char **fresh(char **old, const struct passwd *pw, const char *caller, int all)
{
	size_t n = 0, i;
	char **e, **o;

	for (o = old; *o; o++)
		n++;
	e = calloc(n + 8, sizeof *e);
	if (!e)
		die(1, "out of memory", 0);
	i = 0;
	e[i++] = "PATH=" PATH;
	e[i++] = join("HOME=", pw->pw_dir);
	e[i++] = join("SHELL=", pw->pw_shell);
	e[i++] = join("USER=", pw->pw_name);
	e[i++] = join("LOGNAME=", pw->pw_name);
	if (caller)
		e[i++] = join("SUDO_USER=", caller);
	for (o = old; *o; o++)
		if (kept(*o, all))
			e[i++] = *o;
	return e;
}

int main(int argc, char **argv)
{
	int login = 0, shell = 0, all = 0, c;
	const char *user = "root", *caller;
	struct passwd *pw;
	char **env, **run;

	(void)argc;
	if (geteuid() != 0)
		die(1, "not installed setuid root", 0);
	while ((c = getopt(argc, argv, "+u:nEHsiSkKvA")) != -1) {
		switch (c) {
		case 'u': user = optarg; break;
		case 'i': login = 1; break;
		case 's': shell = 1; break;
		case 'E': all = 1; break;
		case 'n': case 'H': case 'S': case 'A': break; /* what they ask for is so anyway */
		case 'k': case 'K': case 'v': if (!may()) die(1, "only members of the group wheel may use it", 0); break;
		default: die(1, "usage: sudo [-u USER] [-nEH] [-s | -i] [COMMAND [ARGS]]", 0);
		}
	}
	if (!may())
		die(1, "only members of the group wheel may use it", 0);
	argv += optind;
	if (!*argv && !login && !shell) {
		if (optind > 1)
			return 0; /* "sudo -v", "sudo -n": yes, you may */
		die(1, "usage: sudo [-u USER] [-nEH] [-s | -i] [COMMAND [ARGS]]", 0);
	}
	pw = getuid() ? getpwuid(getuid()) : 0; /* root at the console is nobody's caller */
	caller = pw ? join(pw->pw_name, "") : 0;
	pw = getpwnam(user);
	if (!pw)
		die(1, "no such user", user);
	env = fresh(environ, pw, caller, all);
	if (initgroups(pw->pw_name, pw->pw_gid) || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid))
		die(1, "cannot become", user);
	if (login && chdir(pw->pw_dir) < 0)
		die(1, "cannot enter the home folder", pw->pw_dir);
	if (login || shell) {
		const char *base = strrchr(pw->pw_shell, '/');
		size_t n = 0;

		while (argv[n])
			n++;
		run = calloc(n + 6, sizeof *run);
		if (!run)
			die(1, "out of memory", 0);
		run[0] = join(login ? "-" : "", base ? base + 1 : pw->pw_shell);
		if (n) { /* "$@" keeps every argument whole */
			run[1] = "-c";
			run[2] = "exec \"$@\"";
			run[3] = "sudo";
			memcpy(run + 4, argv, n * sizeof *argv);
		}
		execve(pw->pw_shell, run, env);
		die(127, pw->pw_shell, strerror(errno));
	}
	environ = env;
	execvp(argv[0], argv);
	die(errno == ENOENT ? 127 : 126, argv[0], errno == ENOENT ? "command not found" : strerror(errno));
}
