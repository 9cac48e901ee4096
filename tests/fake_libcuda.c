/* A stand-in for NVIDIA's driver library, for machines without one: it shows the cards that the environment names.
 *
 *   FAKE_CUDA_CARDS    "7.5 NVIDIA GeForce RTX 2080;9.0 NVIDIA H100": capability and name of each (none where unset)
 *   FAKE_CUDA_DRIVER   what cuDriverGetVersion says (11070 where unset)
 *   FAKE_CUDA_INIT     what cuInit returns (0 where unset)
 *   FAKE_CUDA_CRASH    set: cuInit ends the process
 *
 * As the driver's, it has no device where CUDA_VISIBLE_DEVICES is empty. Of the functions that compute it has those without which
 * libmxnet.so is not loaded, and they fail.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK 0
#define INVALID_VALUE 1
#define NOT_INITIALIZED 3
#define NO_DEVICE 100
#define FREE 3ul << 30
#define TOTAL 8ul << 30

static int number(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text && *text ? atoi(text) : otherwise;
}

/* Where the text of a card begins, or NULL where there are fewer. */
static const char *card(int index) {
    const char *text = getenv("FAKE_CUDA_CARDS"), *visible = getenv("CUDA_VISIBLE_DEVICES");
    if (!text || !*text || (visible && !*visible)) return NULL;
    for (; index > 0; index--) {
        text = strchr(text, ';');
        if (!text) return NULL;
        text++;
    }
    return text;
}

int cuInit(unsigned flags) {
    if (getenv("FAKE_CUDA_CRASH")) abort();
    int code = number("FAKE_CUDA_INIT", OK);
    return code ? code : card(0) ? OK : NO_DEVICE;
}

int cuDriverGetVersion(int *version) { *version = number("FAKE_CUDA_DRIVER", 11070); return OK; }

int cuGetErrorName(int code, const char **name) {
    *name = code == 803 ? "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" : NULL;
    return *name ? OK : INVALID_VALUE;
}

int cuDeviceGetCount(int *count) { for (*count = 0; card(*count); ++*count); return OK; }

int cuDeviceGet(int *device, int index) { *device = index; return card(index) ? OK : INVALID_VALUE; }

int cuDeviceGetName(char *name, int size, int device) {
    const char *text = strchr(card(device), ' ') + 1;
    snprintf(name, size, "%.*s", (int)strcspn(text, ";"), text);
    return OK;
}

int cuDeviceGetAttribute(int *value, int which, int device) {
    int major = 0, minor = 0;
    sscanf(card(device), "%d.%d", &major, &minor);
    *value = which == 75 ? major : which == 76 ? minor : 0;
    return OK;
}

int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = TOTAL; return OK; }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = &number; return OK; }
int cuDevicePrimaryCtxRelease(int device) { return OK; }
int cuCtxSetCurrent(void *context) { return OK; }
int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) { *free_bytes = FREE; *total = TOTAL; return OK; }

#define FAILS(name) int name(void) { return NOT_INITIALIZED; }
FAILS(cuGetErrorString)
FAILS(cuGraphKernelNodeGetParams)
FAILS(cuGraphNodeGetType)
FAILS(cuLaunchKernel)
FAILS(cuModuleGetFunction)
FAILS(cuModuleLoadData)
FAILS(cuModuleLoadDataEx)
FAILS(cuModuleUnload)
