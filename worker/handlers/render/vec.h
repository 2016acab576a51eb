/* Three floats and what one does with them; the same code for the CPU (C) and CUDA (C++). */
#ifndef RENDER_VEC_H
#define RENDER_VEC_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __CUDACC__
#define RENDER_FN static inline __host__ __device__
#else
#define RENDER_FN __attribute__((unused)) static inline
#endif

#define RENDER_PI 3.14159265358979f

struct vec {
    float x, y, z;
};

RENDER_FN struct vec vec(float x, float y, float z)
{
    struct vec v;
    v.x = x;
    v.y = y;
    v.z = z;
    return v;
}

RENDER_FN struct vec vec_add(struct vec a, struct vec b)
{
    return vec(a.x + b.x, a.y + b.y, a.z + b.z);
}

RENDER_FN struct vec vec_sub(struct vec a, struct vec b)
{
    return vec(a.x - b.x, a.y - b.y, a.z - b.z);
}

RENDER_FN struct vec vec_scale(struct vec a, float by)
{
    return vec(a.x * by, a.y * by, a.z * by);
}

/* Component by component: a colour seen through another. */
RENDER_FN struct vec vec_tint(struct vec a, struct vec b)
{
    return vec(a.x * b.x, a.y * b.y, a.z * b.z);
}

RENDER_FN struct vec vec_mix(struct vec a, struct vec b, float share_of_b)
{
    return vec_add(vec_scale(a, 1.0f - share_of_b), vec_scale(b, share_of_b));
}

RENDER_FN float vec_dot(struct vec a, struct vec b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

RENDER_FN struct vec vec_cross(struct vec a, struct vec b)
{
    return vec(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}

RENDER_FN float vec_len(struct vec a)
{
    return sqrtf(vec_dot(a, a));
}

RENDER_FN struct vec vec_unit(struct vec a)
{
    return vec_scale(a, 1.0f / vec_len(a));
}

RENDER_FN float vec_max(struct vec a)
{
    return fmaxf(a.x, fmaxf(a.y, a.z));
}

/* dir is a unit vector pointing at the surface, normal a unit vector. */
RENDER_FN struct vec vec_reflect(struct vec dir, struct vec normal)
{
    return vec_sub(dir, vec_scale(normal, 2.0f * vec_dot(dir, normal)));
}

/* A vector in the frame whose third axis is `axis` (a unit vector), in world coordinates. */
RENDER_FN struct vec vec_in_frame(struct vec local, struct vec axis)
{
    struct vec helper = fabsf(axis.x) > 0.9f ? vec(0, 1, 0) : vec(1, 0, 0);
    struct vec side = vec_unit(vec_cross(axis, helper));
    struct vec up = vec_cross(axis, side);
    return vec_add(vec_add(vec_scale(side, local.x), vec_scale(up, local.y)),
                   vec_scale(axis, local.z));
}

/* Random numbers: PCG's output permutation over a counter-like state, one word, good enough for
 * pictures and the same on every device. */
RENDER_FN uint32_t rng_hash(uint32_t word)
{
    uint32_t state = word * 747796405u + 2891336453u;
    uint32_t mixed = ((state >> ((state >> 28) + 4u)) ^ state) * 277803737u;
    return (mixed >> 22) ^ mixed;
}

/* In [0, 1). */
RENDER_FN float rng_next(uint32_t *rng)
{
    *rng = *rng * 747796405u + 2891336453u;
    return (float)(rng_hash(*rng) >> 8) * (1.0f / 16777216.0f);
}

RENDER_FN struct vec rng_on_sphere(uint32_t *rng)
{
    float z = 1.0f - 2.0f * rng_next(rng);
    float around = 2.0f * RENDER_PI * rng_next(rng);
    float r = sqrtf(fmaxf(0.0f, 1.0f - z * z));
    return vec(r * cosf(around), r * sinf(around), z);
}

#endif
