/*
 * sigcheck KEY SIGNATURE <DATA: is DATA signed by the one who has the key?
 *
 * KEY is a file with the 32 bytes of an Ed25519 public key, SIGNATURE one with
 * the 64 bytes of a signature (RFC 8032). DATA is at most 64 KiB. The exit status
 * is 0 for yes, 1 for no, 2 if it could not be found out.
 *
 * The arithmetic is dropbear's own, which checks the keys of ssh with it.
 */
#include "curve25519.c"

#include <stdio.h>

enum { KEY = 32, SIGNATURE = 64, DATA = 64 * 1024 };

/* Reads a whole file of exactly size bytes. */
static int whole(const char *name, unsigned char *to, size_t size)
{
	unsigned char more;
	FILE *f = fopen(name, "r");
	int right;

	if (f == NULL)
		return 0;
	right = fread(to, 1, size, f) == size && fread(&more, 1, 1, f) == 0;
	fclose(f);
	return right;
}

int main(int argc, char **argv)
{
	static unsigned char data[DATA + 1];
	unsigned char key[KEY], signature[SIGNATURE];
	size_t n;

	if (argc != 3 || !whole(argv[1], key, KEY) || !whole(argv[2], signature, SIGNATURE)) {
		fputs("sigcheck KEY SIGNATURE <DATA: wants a key of 32 bytes and a signature of 64\n", stderr);
		return 2;
	}
	n = fread(data, 1, sizeof data, stdin);
	if (ferror(stdin) || n > DATA) {
		fputs("sigcheck: the data is too long, or cannot be read\n", stderr);
		return 2;
	}
	return dropbear_ed25519_verify(data, n, signature, SIGNATURE, key) == 0 ? 0 : 1;
}
