package stick

import (
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// nobody is the user of whom nothing belongs to anybody.
const nobody = 65534

// dropTo gives up what writing to an open disk does not need: all rights of
// root but the one to have the kernel read the partition table and forget
// cached pages, and every way to get them back.
func dropTo(who *user.User) error {
	uid, gid := nobody, nobody
	if who != nil {
		u, err1 := strconv.Atoi(who.Uid)
		g, err2 := strconv.Atoi(who.Gid)
		if err1 == nil && err2 == nil && u != 0 {
			uid, gid = u, g
		}
	}
	if _, err := cap.Prctlw(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := cap.SetGroups(gid); err != nil {
		return err
	}
	if err := cap.SetUID(uid); err != nil {
		return err
	}
	left := cap.NewSet()
	if err := left.SetFlag(cap.Permitted, true, cap.SYS_ADMIN); err != nil {
		return err
	}
	if err := left.SetFlag(cap.Effective, true, cap.SYS_ADMIN); err != nil {
		return err
	}
	return left.SetProc()
}
