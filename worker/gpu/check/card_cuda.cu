/* free memory -> every word of it written and read twice -> bandwidth -> a matrix product
 *
 * The product is of small whole numbers, so that float arithmetic is exact in any order and each of
 * its elements must equal the reference, which the CPU computes. */
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "check.h"

namespace {

constexpr size_t BLOCK_BYTES = size_t(1) << 30; /* allocated at once: a fragmented card still passes */
constexpr size_t SMALLEST_BYTES = size_t(64) << 20;
constexpr double TESTED_PART = 0.9; /* of what is free; the rest is for the driver and others */
constexpr size_t COPY_BYTES = size_t(128) << 20;
constexpr int COPIES = 8;
constexpr double BUS_MIN_GBS = 0.5; /* a card that has fallen back to one old lane has less */
constexpr double WITHIN_MIN_GBS = 5;
constexpr int SIDE = 1024; /* of the matrices */
constexpr int TILE = 16;
constexpr int PRODUCTS = 20;
constexpr int NUMBER_MAX = 8; /* 1024 * 8 * 8 is far below 2^24, where floats stop being exact */

struct Problem {
    char *text = nullptr;
    bool is_ours = false; /* this program is too old for the card, the card may be good */

    bool say(const char *what, double value, const char *rest)
    {
        (void)snprintf(text, CHECK_PROBLEM_SIZE, "%s %.6g%s", what, value, rest);
        return false;
    }
    bool check(cudaError_t status, const char *step)
    {
        if (status != cudaSuccess) {
            (void)snprintf(text, CHECK_PROBLEM_SIZE, "%s: %s", step, cudaGetErrorString(status));
            is_ours = status == cudaErrorNoKernelImageForDevice;
        }
        return status == cudaSuccess;
    }
};

/* Memory of the card or of the host, freed with its scope. */
struct Memory {
    void *ptr = nullptr;
    bool is_host;

    explicit Memory(bool host = false) : is_host(host) {}
    Memory(Memory &&other) noexcept : ptr(other.ptr), is_host(other.is_host) { other.ptr = nullptr; }
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;
    ~Memory()
    {
        if (ptr != nullptr) {
            (void)(is_host ? cudaFreeHost(ptr) : cudaFree(ptr));
        }
    }
    cudaError_t get(size_t bytes)
    {
        return is_host ? cudaMallocHost(&ptr, bytes) : cudaMalloc(&ptr, bytes);
    }
};

struct Stopwatch {
    cudaEvent_t begin = nullptr, end = nullptr;

    Stopwatch()
    {
        (void)cudaEventCreate(&begin);
        (void)cudaEventCreate(&end);
    }
    ~Stopwatch()
    {
        (void)cudaEventDestroy(begin);
        (void)cudaEventDestroy(end);
    }
    Stopwatch(const Stopwatch &) = delete;
    Stopwatch &operator=(const Stopwatch &) = delete;
    void start() { (void)cudaEventRecord(begin); }
    cudaError_t stop(double *ret_seconds)
    {
        float ms = 0;
        (void)cudaEventRecord(end);
        cudaError_t status = cudaEventSynchronize(end);
        if (status == cudaSuccess) {
            status = cudaEventElapsedTime(&ms, begin, end);
        }
        *ret_seconds = double(ms) / 1000;
        return status;
    }
};

/* ---- memory ---- */

/* Each word is told by its place, so that lines that are crossed show, too. */
__device__ uint64_t pattern(uint64_t place, uint64_t salt)
{
    uint64_t x = (place + salt) * 0x9E3779B97F4A7C15ULL;
    return x ^ (x >> 29);
}

__global__ void fill(uint64_t *words, size_t count, uint64_t salt)
{
    size_t step = size_t(gridDim.x) * blockDim.x;
    for (size_t i = size_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
        words[i] = pattern(i, salt);
    }
}

__global__ void compare(const uint64_t *words, size_t count, uint64_t salt,
                        unsigned long long *wrong)
{
    size_t step = size_t(gridDim.x) * blockDim.x;
    for (size_t i = size_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
        if (words[i] != pattern(i, salt)) {
            atomicAdd(wrong, 1ULL);
        }
    }
}

constexpr int GRID = 1024, THREADS = 256;

std::vector<Memory> take_memory(size_t bytes)
{
    std::vector<Memory> blocks;
    for (size_t left = bytes; left >= SMALLEST_BYTES;) {
        Memory block;
        size_t size = std::min(left, BLOCK_BYTES);
        if (block.get(size) != cudaSuccess) {
            (void)cudaGetLastError(); /* less is free than was said */
            break;
        }
        blocks.push_back(std::move(block));
        left -= size;
    }
    return blocks;
}

size_t size_of(size_t index, size_t bytes)
{
    return std::min(bytes - index * BLOCK_BYTES, BLOCK_BYTES);
}

/* All blocks are written before the first is read: what one write does to another's place shows. */
bool test_round(const std::vector<Memory> &blocks, size_t bytes, uint64_t salt,
                unsigned long long *wrong, Problem *problem)
{
    for (size_t i = 0; i < blocks.size(); i++) {
        fill<<<GRID, THREADS>>>(static_cast<uint64_t *>(blocks[i].ptr), size_of(i, bytes) / 8,
                                salt + (uint64_t(i) << 40));
    }
    for (size_t i = 0; i < blocks.size(); i++) {
        compare<<<GRID, THREADS>>>(static_cast<uint64_t *>(blocks[i].ptr), size_of(i, bytes) / 8,
                                   salt + (uint64_t(i) << 40), wrong);
    }
    return problem->check(cudaGetLastError(), "memory test") &&
           problem->check(cudaDeviceSynchronize(), "memory test");
}

bool test_memory(check_figures *figures, Problem *problem)
{
    size_t available = 0, total = 0;
    Memory counter;
    if (!problem->check(cudaMemGetInfo(&available, &total), "free memory") ||
        !problem->check(counter.get(sizeof(unsigned long long)), "first allocation") ||
        !problem->check(cudaMemset(counter.ptr, 0, sizeof(unsigned long long)), "memory set")) {
        return false;
    }
    figures->free_bytes = available;
    figures->total_bytes = total;
    size_t bytes = size_t(double(available) * TESTED_PART) / 8 * 8;
    std::vector<Memory> blocks = take_memory(bytes);
    if (blocks.empty()) {
        return problem->say("only", double(available) / 1e6, " MB of its memory are free");
    }
    size_t taken = std::min(bytes, blocks.size() * BLOCK_BYTES);
    auto *wrong = static_cast<unsigned long long *>(counter.ptr);
    for (uint64_t salt : {0x5555555555555555ULL, 0xAAAAAAAAAAAAAAAAULL}) {
        if (!test_round(blocks, taken, salt, wrong, problem)) {
            return false;
        }
    }
    unsigned long long found = 0;
    if (!problem->check(cudaMemcpy(&found, wrong, sizeof(found), cudaMemcpyDeviceToHost),
                        "memory test")) {
        return false;
    }
    figures->tested_bytes = taken;
    return found == 0 || problem->say("memory test:", double(found), " words were not as written");
}

/* ---- bandwidth ---- */

bool measure(void *to, const void *from, cudaMemcpyKind kind, double *ret_gbs, Problem *problem)
{
    Stopwatch watch;
    double seconds = 0;
    cudaError_t status = cudaMemcpyAsync(to, from, COPY_BYTES, kind); /* the first one warms up */
    watch.start();
    for (int i = 0; i < COPIES && status == cudaSuccess; i++) {
        status = cudaMemcpyAsync(to, from, COPY_BYTES, kind);
    }
    cudaError_t end = watch.stop(&seconds);
    *ret_gbs = seconds > 0 ? COPIES * double(COPY_BYTES) / seconds / 1e9 : 0;
    return problem->check(status, "copy") && problem->check(end, "copy");
}

bool test_bandwidth(check_figures *figures, Problem *problem)
{
    Memory host(true), first, second;
    if (!problem->check(host.get(COPY_BYTES), "host memory") ||
        !problem->check(first.get(COPY_BYTES), "memory for copies") ||
        !problem->check(second.get(COPY_BYTES), "memory for copies")) {
        return false;
    }
    memset(host.ptr, 0x5A, COPY_BYTES);
    if (!measure(first.ptr, host.ptr, cudaMemcpyHostToDevice, &figures->to_device_gbs, problem) ||
        !measure(host.ptr, first.ptr, cudaMemcpyDeviceToHost, &figures->to_host_gbs, problem) ||
        !measure(second.ptr, first.ptr, cudaMemcpyDeviceToDevice, &figures->within_gbs, problem)) {
        return false;
    }
    double bus = std::min(figures->to_device_gbs, figures->to_host_gbs);
    if (bus < BUS_MIN_GBS) {
        return problem->say("the bus brings", bus, " GB/s");
    }
    return figures->within_gbs >= WITHIN_MIN_GBS ||
           problem->say("its memory brings", figures->within_gbs, " GB/s");
}

/* ---- a matrix product ---- */

__global__ void multiply(const float *a, const float *b, float *c)
{
    __shared__ float left[TILE][TILE], right[TILE][TILE];
    int x = threadIdx.x, y = threadIdx.y;
    int column = blockIdx.x * TILE + x, row = blockIdx.y * TILE + y;
    float sum = 0;
    for (int tile = 0; tile < SIDE / TILE; tile++) {
        left[y][x] = a[row * SIDE + tile * TILE + x];
        right[y][x] = b[(tile * TILE + y) * SIDE + column];
        __syncthreads();
        for (int k = 0; k < TILE; k++) {
            sum += left[y][k] * right[k][x];
        }
        __syncthreads();
    }
    c[row * SIDE + column] = sum;
}

std::vector<float> numbers(uint64_t seed)
{
    std::vector<float> items(size_t(SIDE) * SIDE);
    for (float &item : items) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        item = float(int(seed >> 33) % (2 * NUMBER_MAX + 1) - NUMBER_MAX);
    }
    return items;
}

std::vector<float> reference(const std::vector<float> &a, const std::vector<float> &b)
{
    std::vector<float> c(size_t(SIDE) * SIDE);
    for (int row = 0; row < SIDE; row++) {
        for (int k = 0; k < SIDE; k++) {
            float factor = a[row * SIDE + k];
            for (int column = 0; column < SIDE; column++) {
                c[row * SIDE + column] += factor * b[k * SIDE + column];
            }
        }
    }
    return c;
}

bool multiply_often(const float *a, const float *b, float *c, double *ret_gflops, Problem *problem)
{
    Stopwatch watch;
    double seconds = 0;
    dim3 threads(TILE, TILE), grid(SIDE / TILE, SIDE / TILE);
    multiply<<<grid, threads>>>(a, b, c);
    watch.start();
    for (int i = 0; i < PRODUCTS; i++) {
        multiply<<<grid, threads>>>(a, b, c);
    }
    if (!problem->check(cudaGetLastError(), "matrix product") ||
        !problem->check(watch.stop(&seconds), "matrix product")) {
        return false;
    }
    *ret_gflops = 2.0 * SIDE * SIDE * double(SIDE) * PRODUCTS / seconds / 1e9;
    return true;
}

bool test_product(check_figures *figures, Problem *problem)
{
    std::vector<float> a = numbers(1), b = numbers(2), c(a.size());
    size_t bytes = a.size() * sizeof(float);
    Memory on_card[3];
    for (Memory &one : on_card) {
        if (!problem->check(one.get(bytes), "memory for matrices")) {
            return false;
        }
    }
    auto *product = static_cast<float *>(on_card[2].ptr);
    if (!problem->check(cudaMemcpy(on_card[0].ptr, a.data(), bytes, cudaMemcpyHostToDevice), "copy") ||
        !problem->check(cudaMemcpy(on_card[1].ptr, b.data(), bytes, cudaMemcpyHostToDevice), "copy") ||
        !multiply_often(static_cast<float *>(on_card[0].ptr), static_cast<float *>(on_card[1].ptr),
                        product, &figures->gemm_gflops, problem) ||
        !problem->check(cudaMemcpy(c.data(), product, bytes, cudaMemcpyDeviceToHost), "copy")) {
        return false;
    }
    std::vector<float> expected = reference(a, b);
    size_t wrong = 0;
    for (size_t i = 0; i < c.size(); i++) {
        wrong += c[i] != expected[i];
    }
    return wrong == 0 || problem->say("matrix product:", double(wrong), " elements are wrong");
}

} // namespace

extern "C" enum check_verdict check_card(struct check_figures *figures,
                                         char text[CHECK_PROBLEM_SIZE])
{
    Problem problem;
    problem.text = text;
    cudaDeviceProp properties;
    int count = 0;
    cudaError_t status = cudaGetDeviceCount(&count);
    if (status == cudaErrorNoDevice || status == cudaErrorInsufficientDriver) {
        (void)problem.check(status, "no card can be used");
        return CHECK_IMPOSSIBLE;
    }
    if (!problem.check(status, "CUDA") || !problem.check(cudaSetDevice(0), "CUDA") ||
        !problem.check(cudaGetDeviceProperties(&properties, 0), "CUDA")) {
        return CHECK_UNFIT;
    }
    (void)snprintf(figures->name, sizeof(figures->name), "%.*s", int(sizeof(figures->name)) - 1,
                   properties.name);
    bool is_fit = test_memory(figures, &problem) && test_bandwidth(figures, &problem) &&
                  test_product(figures, &problem);
    return is_fit ? CHECK_FIT : problem.is_ours ? CHECK_IMPOSSIBLE : CHECK_UNFIT;
}
