/*
 * Dropbear's options for Floe: keys only, no password, no X11, and sockets of
 * a container runtime reachable through ssh. What is not named here keeps the
 * value of dropbear's own default_options.h.
 */

/* Nobody in this system has a password, so the code that checks one is left out. */
#define DROPBEAR_SVR_PASSWORD_AUTH 0
#define DROPBEAR_SVR_PAM_AUTH 0
#define DROPBEAR_SVR_PUBKEY_AUTH 1
#define DROPBEAR_SVR_PUBKEY_OPTIONS 1
#define DROPBEAR_CLI_PASSWORD_AUTH 0
#define DROPBEAR_USE_PASSWORD_ENV 0
#define MAX_AUTH_TRIES 6

/* Forwarding: TCP both ways, unix sockets ("ssh -L here.sock:/run/docker.sock"), the agent; not X11. */
#define DROPBEAR_SVR_LOCALTCPFWD 1
#define DROPBEAR_SVR_REMOTETCPFWD 1
#define DROPBEAR_SVR_LOCALSTREAMFWD 1
#define DROPBEAR_SVR_AGENTFWD 1
#define DROPBEAR_X11FWD 0

/* Modern algorithms, with the post-quantum hybrids that OpenSSH 9 and 10 prefer. */
#define DROPBEAR_CHACHA20POLY1305 1
#define DROPBEAR_ENABLE_GCM_MODE 1
#define DROPBEAR_ENABLE_CTR_MODE 1
#define DROPBEAR_ENABLE_CBC_MODE 0
#define DROPBEAR_AES128 1
#define DROPBEAR_AES256 1
#define DROPBEAR_3DES 0
#define DROPBEAR_SHA1_HMAC 0
#define DROPBEAR_SHA1_96_HMAC 0
#define DROPBEAR_SHA2_256_HMAC 1
#define DROPBEAR_CURVE25519 1
#define DROPBEAR_SNTRUP761 1
#define DROPBEAR_MLKEM768 1
#define DROPBEAR_ECDH 1
#define DROPBEAR_DH_GROUP14_SHA1 0
#define DROPBEAR_DH_GROUP14_SHA256 0
#define DROPBEAR_DH_GROUP16 0
#define DROPBEAR_ED25519 1
#define DROPBEAR_ECDSA 1
#define DROPBEAR_RSA 1
#define DROPBEAR_RSA_SHA1 0
#define DROPBEAR_DSS 0
#define DROPBEAR_SK_KEYS 1

/* Image transfers and logs go through here: speed before the last few kilobytes. */
#define DROPBEAR_SMALL_CODE 0
#define DEFAULT_RECV_WINDOW 262144

/* One supervised daemon; the host key is made before it starts. */
#define INETD_MODE 0
#define DROPBEAR_DELAY_HOSTKEY 0
#define DROPBEAR_REEXEC 1
#define DO_MOTD 1
#define MOTD_FILENAME "/etc/motd"
#define DEFAULT_KEEPALIVE 30
#define DROPBEAR_PIDFILE "/run/dropbear.pid"

/* OpenSSH's scp speaks sftp by default and says so when the server has none; "scp -O" works. */
#define DROPBEAR_SFTPSERVER 0

/* A session finds the same programs as the console, those of packages included. */
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#define DEFAULT_ROOT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
