/* A PKCS#11 library for tests: SoftHSM, with the faults that tests want. It has its folder to itself: the copy of SoftHSM, its settings,
 * and the files by which tests and it speak. Functions are replaced by their place in CK_FUNCTION_LIST (PKCS#11 v2.40). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { AES_ECB = 0x1081, AES_GCM = 0x1087, MECHANISMS = 7 };
enum { INITIALIZE = 0, TOKEN_INFO = 6, LOGIN = 18, FIND = 27, ENCRYPT_INIT = 29, ENCRYPT = 30, DECRYPT_INIT = 33, DECRYPT = 34 };
enum { GENERATE_RANDOM = 64, FUNCTIONS = 68 };
enum { OK = 0, PIN_INCORRECT = 0xA0, PIN_LOCKED = 0xA4, DEVICE_REMOVED = 0x32, TRIES = 3 };

typedef unsigned long rv;
typedef struct {
  unsigned char version[2];
  void *functions[FUNCTIONS];
} function_list;

static char folder[3000];
static function_list own, *real;
static int wrong_pins;
static long caller;

static const char *place(const char *name) {
  static __thread char path[4000];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static int is_there(const char *name) { return access(place(name), F_OK) == 0; }

static void write_down(const char *name) {
  FILE *file = fopen(place(name), "a");
  if (file) {
    fputs("x", file);
    fclose(file);
  }
}

/* Every call that is watched passes here: it waits while the file "hang" is there, and tells of a second thread. */
static rv enter(void) {
  long thread = syscall(SYS_gettid);
  if (caller == 0) caller = thread;
  if (caller != thread) write_down("another-thread");
  while (is_there("hang")) usleep(20000);
  return is_there("removed") ? DEVICE_REMOVED : OK;
}

static rv initialize(void *arguments) {
  setenv("SOFTHSM2_CONF", place("softhsm2.conf"), 1);
  caller = 0;
  return ((rv(*)(void *))real->functions[INITIALIZE])(arguments);
}

static rv login(unsigned long session, unsigned long user, unsigned char *pin, unsigned long length) {
  rv refused = enter();
  if (refused) return refused;
  write_down("logins");
  if (wrong_pins >= TRIES) return PIN_LOCKED;
  rv answer = ((rv(*)(unsigned long, unsigned long, unsigned char *, unsigned long))real->functions[LOGIN])(session, user, pin, length);
  if (answer == PIN_INCORRECT) wrong_pins++;
  if (answer == OK) wrong_pins = 0;
  return answer;
}

#define WATCHED(name, index, parameters, arguments) \
  static rv name parameters { \
    rv refused = enter(); \
    return refused ? refused : ((rv(*) parameters)real->functions[index]) arguments; \
  }

WATCHED(find, FIND, (unsigned long s, void *o, unsigned long m, void *n), (s, o, m, n))
WATCHED(encrypt_init, ENCRYPT_INIT, (unsigned long s, void *m, unsigned long k), (s, m, k))
WATCHED(decrypt_init, DECRYPT_INIT, (unsigned long s, void *m, unsigned long k), (s, m, k))
WATCHED(encrypt, ENCRYPT, (unsigned long s, void *d, unsigned long n, void *o, void *l), (s, d, n, o, l))
WATCHED(decrypt, DECRYPT, (unsigned long s, void *d, unsigned long n, void *o, void *l), (s, d, n, o, l))
WATCHED(token_info, TOKEN_INFO, (unsigned long s, void *i), (s, i))
WATCHED(draw, GENERATE_RANDOM, (unsigned long s, unsigned char *o, unsigned long n), (s, o, n))

/* A token that lost AES-GCM, as by a firmware or a policy, while the file "no-gcm" is there. */
static rv mechanisms(unsigned long slot, unsigned long *list, unsigned long *count) {
  rv answer = ((rv(*)(unsigned long, unsigned long *, unsigned long *))real->functions[MECHANISMS])(slot, list, count);
  for (unsigned long at = 0; answer == OK && list && is_there("no-gcm") && at < *count; at++)
    if (list[at] == AES_GCM) list[at] = AES_ECB;
  return answer;
}

rv C_GetFunctionList(function_list **list) {
  Dl_info here;
  if (!dladdr((void *)C_GetFunctionList, &here)) return 5;
  snprintf(folder, sizeof folder, "%s", here.dli_fname);
  *strrchr(folder, '/') = 0;
  void *library = dlopen(place("softhsm.so"), RTLD_NOW | RTLD_LOCAL);
  if (!library) return 5;
  rv answer = ((rv(*)(function_list **))dlsym(library, "C_GetFunctionList"))(&real);
  if (answer != OK) return answer;
  own = *real;
  own.functions[INITIALIZE] = initialize;
  own.functions[LOGIN] = login;
  own.functions[FIND] = find;
  own.functions[ENCRYPT_INIT] = encrypt_init;
  own.functions[DECRYPT_INIT] = decrypt_init;
  own.functions[ENCRYPT] = encrypt;
  own.functions[DECRYPT] = decrypt;
  own.functions[GENERATE_RANDOM] = draw;
  own.functions[TOKEN_INFO] = token_info;
  own.functions[MECHANISMS] = mechanisms;
  *list = &own;
  return OK;
}
