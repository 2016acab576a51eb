/* The path tracer: one pixel of one frame, a pure function of its arguments. Included by the CPU
 * and the CUDA renderer, which differ only in who calls kernel_pixel() for which pixel.
 *
 * A path starts at the camera and bounces. At each diffuse surface one lamp is sampled directly; a
 * lamp that the next bounce happens to hit is then not counted again, unless a mirror or glass lies
 * between. Paths end by Russian roulette after a few bounces. */
#ifndef RENDER_KERNEL_H
#define RENDER_KERNEL_H

#include "scene.h"

#define KERNEL_BOUNCES_MAX 12
#define KERNEL_ROULETTE_FROM 3
#define KERNEL_FAR 1e30f
#define KERNEL_NEAR 1e-3f       /* keeps a bounce off its own surface */
#define KERNEL_SAMPLE_MAX 8.0f  /* cuts the rare very bright path, a white dot otherwise */
#define KERNEL_CAUSTIC_MAX 1.2f /* the same for a lamp that diffuse things see through glass */

struct frame {
    uint32_t width, height, samples;
    uint32_t seed_low, seed_high;
};

struct ray {
    struct vec origin, dir; /* dir is a unit vector */
};

struct hit {
    float t;
    struct vec normal; /* unit, outwards for balls */
    struct surface surface;
    bool is_any;
};

RENDER_FN float kernel_ball(const struct ball *ball, struct ray ray, float t_max)
{
    struct vec to = vec_sub(ball->center, ray.origin);
    float along = vec_dot(to, ray.dir);
    struct vec off = vec_sub(to, vec_scale(ray.dir, along));
    float left = ball->radius * ball->radius - vec_dot(off, off);
    if (left <= 0.0f) {
        return KERNEL_FAR;
    }
    float half = sqrtf(left);
    float t = along - half > KERNEL_NEAR ? along - half : along + half;
    return t > KERNEL_NEAR && t < t_max ? t : KERNEL_FAR;
}

RENDER_FN float kernel_quad(const struct quad *quad, struct ray ray, float t_max)
{
    struct vec normal = vec_cross(quad->u, quad->v);
    float facing = vec_dot(normal, ray.dir);
    if (fabsf(facing) < 1e-9f) {
        return KERNEL_FAR;
    }
    float t = vec_dot(normal, vec_sub(quad->corner, ray.origin)) / facing;
    if (t <= KERNEL_NEAR || t >= t_max) {
        return KERNEL_FAR;
    }
    struct vec at = vec_sub(vec_add(ray.origin, vec_scale(ray.dir, t)), quad->corner);
    float area2 = vec_dot(normal, normal);
    float a = vec_dot(normal, vec_cross(at, quad->v)) / area2;
    float b = vec_dot(normal, vec_cross(quad->u, at)) / area2;
    return a >= 0.0f && a <= 1.0f && b >= 0.0f && b <= 1.0f ? t : KERNEL_FAR;
}

/* What a ray meets first: its distance, and which ball (0 and up) or quad (~index). */
RENDER_FN float kernel_nearest(const struct scene *scene, struct ray ray, float t_max, int *ret_id)
{
    float nearest = t_max;
    for (int i = 0; i < scene->ball_count; i++) {
        float t = kernel_ball(&scene->balls[i], ray, nearest);
        if (t < nearest) {
            nearest = t;
            *ret_id = i;
        }
    }
    for (int i = 0; i < scene->quad_count; i++) {
        float t = kernel_quad(&scene->quads[i], ray, nearest);
        if (t < nearest) {
            nearest = t;
            *ret_id = ~i;
        }
    }
    return nearest;
}

/* A checker lies in the plane of x and z: only floors have one. */
RENDER_FN struct vec kernel_color(const struct surface *surface, struct vec at)
{
    if (surface->checker <= 0.0f) {
        return surface->color;
    }
    int x = (int)floorf(at.x / surface->checker);
    int z = (int)floorf(at.z / surface->checker);
    return ((x + z) & 1) == 0 ? surface->color : surface->color2;
}

RENDER_FN struct hit kernel_hit(const struct scene *scene, struct ray ray)
{
    struct hit hit;
    int id = 0;
    hit.t = kernel_nearest(scene, ray, KERNEL_FAR, &id);
    hit.is_any = hit.t < KERNEL_FAR;
    hit.normal = vec(0, 1, 0);
    if (!hit.is_any) {
        return hit;
    }
    struct vec at = vec_add(ray.origin, vec_scale(ray.dir, hit.t));
    if (id >= 0) {
        const struct ball *ball = &scene->balls[id];
        hit.normal = vec_scale(vec_sub(at, ball->center), 1.0f / ball->radius);
        hit.surface = ball->surface;
    } else {
        const struct quad *quad = &scene->quads[~id];
        hit.normal = vec_unit(vec_cross(quad->u, quad->v));
        hit.surface = quad->surface;
    }
    hit.surface.color = kernel_color(&hit.surface, at);
    return hit;
}

/* Stars are cells of the direction's cube face whose hash happens to be high. */
RENDER_FN float kernel_star(struct vec dir)
{
    float scale = 160.0f / (fabsf(dir.x) + fabsf(dir.y) + fabsf(dir.z));
    float x = dir.x * scale;
    float z = dir.z * scale;
    uint32_t cell =
        rng_hash((uint32_t)(int)floorf(x) * 73856093u ^ (uint32_t)(int)floorf(z) * 19349663u);
    float off_x = x - floorf(x) - 0.5f;
    float off_z = z - floorf(z) - 0.5f;
    float spot = 0.05f - (off_x * off_x + off_z * off_z);
    return (cell & 63u) == 0 && spot > 0.0f ? spot * 20.0f * (float)(cell >> 24) / 255.0f : 0.0f;
}

RENDER_FN struct vec kernel_sky(const struct sky *sky, struct vec dir)
{
    float height = dir.y > 0.0f ? sqrtf(dir.y) : 0.0f;
    struct vec light = vec_mix(sky->horizon, sky->zenith, height);
    if (sky->stars > 0.0f && dir.y > 0.02f) {
        float star = sky->stars * kernel_star(dir);
        light = vec_add(light, vec(star, star, star));
    }
    return light;
}

/* A direction towards a random point of the lamp, and the light that a perfectly white surface
 * facing `normal` would send on from there if nothing stood between. */
struct aim {
    struct vec dir;
    float t;
    struct vec light;
};

RENDER_FN struct aim kernel_aim_ball(const struct ball *ball, struct vec from, uint32_t *rng)
{
    struct aim aim;
    struct vec to = vec_sub(ball->center, from);
    float distance2 = vec_dot(to, to);
    float sin2 = ball->radius * ball->radius / fmaxf(distance2, ball->radius * ball->radius);
    float cos_max = sqrtf(1.0f - sin2);
    float z = 1.0f - rng_next(rng) * (1.0f - cos_max);
    float r = sqrtf(fmaxf(0.0f, 1.0f - z * z));
    float around = 2.0f * RENDER_PI * rng_next(rng);
    aim.dir = vec_in_frame(vec(r * cosf(around), r * sinf(around), z), vec_unit(to));
    struct ray ray = {from, aim.dir};
    aim.t = kernel_ball(ball, ray, KERNEL_FAR);
    /* 1 - cos_max, without the cancellation that far lamps would suffer */
    float solid = 2.0f * RENDER_PI * sin2 / (1.0f + cos_max);
    aim.light = vec_scale(ball->surface.color, solid / RENDER_PI);
    return aim;
}

RENDER_FN struct aim kernel_aim_quad(const struct quad *quad, struct vec from, uint32_t *rng)
{
    struct aim aim;
    float a = rng_next(rng);
    float b = rng_next(rng);
    struct vec point = vec_add(quad->corner, vec_add(vec_scale(quad->u, a), vec_scale(quad->v, b)));
    struct vec to = vec_sub(point, from);
    float distance2 = fmaxf(vec_dot(to, to), 1e-6f);
    aim.t = sqrtf(distance2);
    aim.dir = vec_scale(to, 1.0f / aim.t);
    float facing = fabsf(vec_dot(vec_cross(quad->u, quad->v), aim.dir)); /* area * cosine */
    aim.light = vec_scale(quad->surface.color, facing / (distance2 * RENDER_PI));
    return aim;
}

/* The light of one random lamp on a diffuse point. */
RENDER_FN struct vec kernel_direct(const struct scene *scene, struct vec at, struct vec normal,
                                   uint32_t *rng)
{
    if (scene->lamp_count == 0) {
        return vec(0, 0, 0);
    }
    int pick = (int)(rng_next(rng) * (float)scene->lamp_count);
    const struct lamp *lamp = &scene->lamps[pick < scene->lamp_count ? pick : 0];
    struct aim aim = lamp->ball >= 0 ? kernel_aim_ball(&scene->balls[lamp->ball], at, rng)
                                     : kernel_aim_quad(&scene->quads[lamp->quad], at, rng);
    float facing = vec_dot(normal, aim.dir);
    struct ray ray = {at, aim.dir};
    int id = 0;
    float until = aim.t * 0.999f - KERNEL_NEAR;
    if (facing <= 0.0f || aim.t >= KERNEL_FAR || kernel_nearest(scene, ray, until, &id) < until) {
        return vec(0, 0, 0);
    }
    return vec_scale(aim.light, facing * (float)scene->lamp_count);
}

RENDER_FN struct vec kernel_cosine(struct vec normal, uint32_t *rng)
{
    struct vec dir = vec_add(normal, vec_scale(rng_on_sphere(rng), 0.999f));
    return vec_unit(dir);
}

/* Schlick's approximation decides at random between reflection and refraction. */
RENDER_FN struct vec kernel_glass(struct vec dir, struct vec normal, float ior, uint32_t *rng)
{
    float cosine = -vec_dot(dir, normal);
    float ratio = cosine > 0.0f ? 1.0f / ior : ior;
    struct vec facing = cosine > 0.0f ? normal : vec_scale(normal, -1.0f);
    cosine = fminf(fabsf(cosine), 1.0f);
    float left = 1.0f - ratio * ratio * (1.0f - cosine * cosine);
    float base = (1.0f - ior) / (1.0f + ior);
    base *= base;
    float reflects = base + (1.0f - base) * powf(1.0f - cosine, 5.0f);
    if (left <= 0.0f || rng_next(rng) < reflects) {
        return vec_reflect(dir, facing);
    }
    struct vec bent = vec_scale(dir, ratio);
    return vec_unit(vec_add(bent, vec_scale(facing, ratio * cosine - sqrtf(left))));
}

/* One path under way. */
struct path {
    struct ray ray;
    struct vec light;   /* collected */
    struct vec through; /* what is left of light from further on */
    bool sees_lamps;    /* a lamp hit next is counted: no diffuse bounce sampled it */
    bool is_diffuse;    /* it has left a diffuse surface */
};

RENDER_FN struct vec kernel_cut(struct vec light, float max)
{
    float brightest = vec_max(light);
    return brightest > max ? vec_scale(light, max / brightest) : light;
}

/* The path ends in a lamp; `through` is tinted with its light already. */
RENDER_FN void kernel_end_in_lamp(struct path *path)
{
    if (path->sees_lamps) {
        float max = path->is_diffuse ? KERNEL_CAUSTIC_MAX : KERNEL_SAMPLE_MAX;
        path->light = vec_add(path->light, kernel_cut(path->through, max));
    }
}

/* Follows the path across one surface; false: it ends here. */
RENDER_FN bool kernel_bounce(const struct scene *scene, struct path *path, const struct hit *hit,
                             uint32_t *rng)
{
    struct vec at = vec_add(path->ray.origin, vec_scale(path->ray.dir, hit->t));
    bool is_inside = vec_dot(path->ray.dir, hit->normal) > 0.0f;
    struct vec normal = is_inside ? vec_scale(hit->normal, -1.0f) : hit->normal;
    path->through = vec_tint(path->through, hit->surface.color);
    path->ray.origin = at;
    switch (hit->surface.kind) {
    case SURFACE_DIFFUSE: {
        struct vec direct = kernel_direct(scene, at, normal, rng);
        path->light = vec_add(path->light, vec_tint(path->through, direct));
        path->ray.dir = kernel_cosine(normal, rng);
        path->sees_lamps = false;
        path->is_diffuse = true;
        return true;
    }
    case SURFACE_METAL: {
        struct vec blur = vec_scale(rng_on_sphere(rng), hit->surface.rough);
        path->ray.dir = vec_unit(vec_add(vec_reflect(path->ray.dir, normal), blur));
        path->sees_lamps = true;
        return vec_dot(path->ray.dir, normal) > 0.0f;
    }
    case SURFACE_GLASS:
        path->ray.dir = kernel_glass(path->ray.dir, hit->normal, hit->surface.ior, rng);
        path->sees_lamps = true;
        return true;
    default:
        kernel_end_in_lamp(path);
        return false;
    }
}

/* Ends dim paths at random and makes the others brighter for it: the mean stays right. */
RENDER_FN bool kernel_survives(struct path *path, int bounce, uint32_t *rng)
{
    if (bounce < KERNEL_ROULETTE_FROM) {
        return true;
    }
    float chance = fminf(vec_max(path->through), 0.95f);
    if (rng_next(rng) >= chance) {
        return false;
    }
    path->through = vec_scale(path->through, 1.0f / chance);
    return true;
}

RENDER_FN struct vec kernel_path(const struct scene *scene, struct ray ray, uint32_t *rng)
{
    struct path path = {ray, vec(0, 0, 0), vec(1, 1, 1), true, false};
    for (int bounce = 0; bounce < KERNEL_BOUNCES_MAX; bounce++) {
        struct hit hit = kernel_hit(scene, path.ray);
        if (!hit.is_any) {
            struct vec sky = kernel_sky(&scene->sky, path.ray.dir);
            path.light = vec_add(path.light, vec_tint(path.through, sky));
            break;
        }
        if (!kernel_bounce(scene, &path, &hit, rng) || !kernel_survives(&path, bounce, rng)) {
            break;
        }
    }
    return kernel_cut(path.light, KERNEL_SAMPLE_MAX);
}

/* Camera ray through a point of the picture; px and py are in pixels. */
RENDER_FN struct ray kernel_ray(const struct scene *scene, const struct frame *frame, float px,
                                float py, uint32_t *rng)
{
    const struct camera *camera = &scene->camera;
    float unit = 2.0f * camera->half_height / (float)frame->height;
    float x = (px - 0.5f * (float)frame->width) * unit;
    float y = (0.5f * (float)frame->height - py) * unit;
    struct vec to =
        vec_add(camera->forward, vec_add(vec_scale(camera->right, x), vec_scale(camera->up, y)));
    float around = 2.0f * RENDER_PI * rng_next(rng);
    float r = camera->lens * sqrtf(rng_next(rng));
    struct vec lens = vec_add(vec_scale(camera->right, r * cosf(around)),
                              vec_scale(camera->up, r * sinf(around)));
    struct ray ray;
    ray.origin = vec_add(camera->eye, lens);
    ray.dir = vec_unit(vec_sub(vec_scale(to, camera->focus), lens));
    return ray;
}

/* Film curve (Narkowicz' fit of ACES), then the sRGB transfer function. */
RENDER_FN uint8_t kernel_tone(float light, float exposure)
{
    float x = fmaxf(light * exposure, 0.0f);
    x = (x * (2.51f * x + 0.03f)) / (x * (2.43f * x + 0.59f) + 0.14f);
    x = fminf(x, 1.0f);
    x = x <= 0.0031308f ? 12.92f * x : 1.055f * powf(x, 1.0f / 2.4f) - 0.055f;
    return (uint8_t)(x * 255.0f + 0.5f);
}

/* Triangle-shaped random offset in (-1, 1): the filter that smooths edges. */
RENDER_FN float kernel_tent(float uniform)
{
    float twice = 2.0f * uniform;
    return twice < 1.0f ? sqrtf(twice) - 1.0f : 1.0f - sqrtf(fmaxf(0.0f, 2.0f - twice));
}

/* The finished pixel number `index` (row by row from the top) as R, G, B. The samples' offsets
 * follow the R2 sequence, shifted at random for each pixel. */
RENDER_FN void kernel_pixel(const struct scene *scene, const struct frame *frame, uint32_t index,
                            uint8_t *rgb)
{
    uint32_t rng = rng_hash(index ^ rng_hash(frame->seed_low ^ rng_hash(frame->seed_high)));
    float shift_x = rng_next(&rng);
    float shift_y = rng_next(&rng);
    struct vec sum = vec(0, 0, 0);
    for (uint32_t i = 0; i < frame->samples; i++) {
        float u = shift_x + (float)i * 0.7548776662f;
        float v = shift_y + (float)i * 0.5698402910f;
        float px = (float)(index % frame->width) + 0.5f + 0.75f * kernel_tent(u - floorf(u));
        float py = (float)(index / frame->width) + 0.5f + 0.75f * kernel_tent(v - floorf(v));
        sum = vec_add(sum, kernel_path(scene, kernel_ray(scene, frame, px, py, &rng), &rng));
    }
    struct vec mean = vec_scale(sum, 1.0f / (float)frame->samples);
    rgb[0] = kernel_tone(mean.x, scene->exposure);
    rgb[1] = kernel_tone(mean.y, scene->exposure);
    rgb[2] = kernel_tone(mean.z, scene->exposure);
}

#endif
