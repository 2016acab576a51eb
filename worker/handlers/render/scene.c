/* The scenes, by name. What they have in common (camera, ground, lamps) comes first; each scene is
 * one function that puts things in. Everything random is drawn from the seed, so a seed is a
 * picture. */
#include "scene.h"

#include <string.h>

#include "base/err.h"

struct maker {
    struct scene *scene;
    uint32_t rng;
};

static void make_spheres(struct maker *maker);
static void make_cornell(struct maker *maker);
static void make_night(struct maker *maker);

static const char *const names[] = {"spheres", "cornell", "night", NULL};
static void (*const makers[])(struct maker *) = {make_spheres, make_cornell, make_night};

const char *const *scene_names(void)
{
    return names;
}

void scene_build(struct scene *scene, const char *name, uint64_t seed)
{
    struct maker maker = {scene, rng_hash((uint32_t)seed ^ rng_hash((uint32_t)(seed >> 32)))};
    memset(scene, 0, sizeof(*scene));
    scene->exposure = 1.0f;
    for (unsigned i = 0; names[i] != NULL; i++) {
        if (strcmp(name, names[i]) == 0) {
            makers[i](&maker);
            return;
        }
    }
    ensure(false);
}

static float between(struct maker *maker, float low, float high)
{
    return low + (high - low) * rng_next(&maker->rng);
}

static struct surface diffuse(struct vec color)
{
    return (struct surface){.kind = SURFACE_DIFFUSE, .color = color};
}

static struct surface metal(struct vec color, float rough)
{
    return (struct surface){.kind = SURFACE_METAL, .color = color, .rough = rough};
}

static struct surface glass(void)
{
    return (struct surface){.kind = SURFACE_GLASS, .color = vec(1, 1, 1), .ior = 1.5f};
}

static struct surface glow(struct vec color, float power)
{
    return (struct surface){.kind = SURFACE_GLOW, .color = vec_scale(color, power)};
}

static struct surface checker(struct vec color, struct vec color2)
{
    return (struct surface){
        .kind = SURFACE_DIFFUSE, .color = color, .color2 = color2, .checker = 1.0f};
}

/* A vivid colour of the given hue, 0 to 1 around the wheel. */
static struct vec hue(float turn, float grey)
{
    struct vec pure = vec(0.5f + 0.5f * cosf(2.0f * RENDER_PI * turn),
                          0.5f + 0.5f * cosf(2.0f * RENDER_PI * (turn - 1.0f / 3.0f)),
                          0.5f + 0.5f * cosf(2.0f * RENDER_PI * (turn - 2.0f / 3.0f)));
    return vec_mix(pure, vec(0.6f, 0.6f, 0.6f), grey);
}

static void put_ball(struct maker *maker, struct vec center, float radius, struct surface surface)
{
    struct scene *scene = maker->scene;
    ensure(scene->ball_count < SCENE_BALLS_MAX);
    if (surface.kind == SURFACE_GLOW) {
        ensure(scene->lamp_count < SCENE_LAMPS_MAX);
        scene->lamps[scene->lamp_count++] = (struct lamp){.ball = scene->ball_count, .quad = -1};
    }
    scene->balls[scene->ball_count++] = (struct ball){center, radius, surface};
}

static void put_quad(struct maker *maker, struct quad quad)
{
    struct scene *scene = maker->scene;
    ensure(scene->quad_count < SCENE_QUADS_MAX);
    if (quad.surface.kind == SURFACE_GLOW) {
        ensure(scene->lamp_count < SCENE_LAMPS_MAX);
        scene->lamps[scene->lamp_count++] = (struct lamp){.ball = -1, .quad = scene->quad_count};
    }
    scene->quads[scene->quad_count++] = quad;
}

static void put_ground(struct maker *maker, struct surface surface)
{
    put_quad(maker, (struct quad){vec(-200, 0, -200), vec(0, 0, 400), vec(400, 0, 0), surface});
}

/* degrees: the angle between the lower and the upper edge of the picture. */
static void aim_camera(struct maker *maker, struct vec eye, struct vec at, float degrees)
{
    struct camera *camera = &maker->scene->camera;
    struct vec to = vec_sub(at, eye);
    camera->eye = eye;
    camera->focus = vec_len(to);
    camera->forward = vec_unit(to);
    camera->right = vec_unit(vec_cross(camera->forward, vec(0, 1, 0)));
    camera->up = vec_cross(camera->right, camera->forward);
    camera->half_height = tanf(degrees * RENDER_PI / 360.0f);
}

static bool is_free(const struct scene *scene, struct vec center, float radius)
{
    for (int i = 0; i < scene->ball_count; i++) {
        const struct ball *ball = &scene->balls[i];
        if (vec_len(vec_sub(ball->center, center)) < ball->radius + radius + 0.04f) {
            return false;
        }
    }
    return true;
}

typedef struct surface (*surface_fn)(struct maker *maker);

/* Lays balls of random size on the ground where there is room; gives up on the rest. */
static void scatter(struct maker *maker, int count, float reach, surface_fn surface)
{
    for (int tries = count * 8; tries > 0 && count > 0; tries--) {
        float radius = between(maker, 0.16f, 0.42f);
        struct vec center =
            vec(between(maker, -reach, reach), radius, between(maker, -reach, reach));
        if (is_free(maker->scene, center, radius)) {
            put_ball(maker, center, radius, surface(maker));
            count--;
        }
    }
}

static struct surface day_surface(struct maker *maker)
{
    float kind = rng_next(&maker->rng);
    struct vec color = hue(rng_next(&maker->rng), 0.25f);
    if (kind < 0.6f) {
        return diffuse(vec_scale(color, 0.8f));
    }
    return kind < 0.85f ? metal(vec_mix(color, vec(1, 1, 1), 0.5f), between(maker, 0.0f, 0.3f))
                        : glass();
}

static void make_spheres(struct maker *maker)
{
    maker->scene->sky = (struct sky){vec(0.75f, 0.82f, 0.9f), vec(0.22f, 0.42f, 0.85f), 0};
    maker->scene->exposure = 0.8f;
    aim_camera(maker, vec(6.2f, 2.3f, 6.8f), vec(0, 0.75f, 0), 32.0f);
    maker->scene->camera.lens = 0.05f;
    put_ground(maker, checker(vec(0.72f, 0.7f, 0.66f), vec(0.28f, 0.3f, 0.33f)));
    put_ball(maker, vec(60, 80, 25), 9.0f, glow(vec(1.0f, 0.9f, 0.75f), 75.0f));
    put_ball(maker, vec(0, 1, 0), 1.0f, glass());
    put_ball(maker, vec(-2.2f, 1, 0.4f), 1.0f, diffuse(hue(rng_next(&maker->rng), 0.1f)));
    put_ball(maker, vec(2.2f, 1, -0.6f), 1.0f, metal(vec(0.92f, 0.8f, 0.62f), 0.03f));
    scatter(maker, 44, 4.6f, day_surface);
}

static void make_cornell(struct maker *maker)
{
    struct surface white = diffuse(vec(0.74f, 0.73f, 0.7f));
    aim_camera(maker, vec(0, 1, 4.35f), vec(0, 1, 0), 34.0f);
    maker->scene->exposure = 0.9f;
    put_quad(maker, (struct quad){vec(-1, 0, -1), vec(0, 0, 2), vec(2, 0, 0), white});
    put_quad(maker, (struct quad){vec(-1, 2, -1), vec(2, 0, 0), vec(0, 0, 2), white});
    put_quad(maker, (struct quad){vec(-1, 0, -1), vec(2, 0, 0), vec(0, 2, 0), white});
    put_quad(maker, (struct quad){vec(-1, 0, -1), vec(0, 2, 0), vec(0, 0, 2),
                                  diffuse(vec(0.65f, 0.06f, 0.05f))});
    put_quad(maker, (struct quad){vec(1, 0, -1), vec(0, 0, 2), vec(0, 2, 0),
                                  diffuse(vec(0.1f, 0.45f, 0.1f))});
    put_quad(maker, (struct quad){vec(-0.35f, 1.995f, -0.35f), vec(0.7f, 0, 0), vec(0, 0, 0.7f),
                                  glow(vec(1.0f, 0.86f, 0.66f), 14.0f)});
    float shift = between(maker, -0.08f, 0.08f);
    put_ball(maker, vec(-0.45f + shift, 0.42f, -0.35f), 0.42f,
             metal(vec(0.95f, 0.93f, 0.9f), 0.0f));
    put_ball(maker, vec(0.42f + shift, 0.36f, 0.25f), 0.36f, glass());
    struct vec small = vec(between(maker, -0.5f, -0.2f), 0.16f, between(maker, 0.4f, 0.6f));
    put_ball(maker, small, 0.16f, diffuse(hue(rng_next(&maker->rng), 0.2f)));
}

static struct surface night_surface(struct maker *maker)
{
    float kind = rng_next(&maker->rng);
    if (maker->scene->lamp_count < SCENE_LAMPS_MAX && kind < 0.3f) {
        return glow(hue(rng_next(&maker->rng), 0.04f), between(maker, 1.6f, 2.6f));
    }
    return kind < 0.6f   ? metal(vec(0.9f, 0.9f, 0.92f), between(maker, 0.0f, 0.15f))
           : kind < 0.8f ? glass()
                         : diffuse(vec(0.7f, 0.7f, 0.7f));
}

static void make_night(struct maker *maker)
{
    maker->scene->sky = (struct sky){vec(0.035f, 0.03f, 0.07f), vec(0.006f, 0.009f, 0.03f), 1.5f};
    maker->scene->exposure = 1.3f;
    aim_camera(maker, vec(0, 2.4f, 8.6f), vec(0, 0.6f, 0), 32.0f);
    maker->scene->camera.lens = 0.03f;
    put_ground(maker, metal(vec(0.32f, 0.33f, 0.37f), 0.12f));
    put_ball(maker, vec(0, 1.1f, 0), 1.1f, glass());
    put_ball(maker, vec(-2.3f, 0.8f, -0.8f), 0.8f, metal(vec(0.95f, 0.75f, 0.5f), 0.05f));
    put_ball(maker, vec(2.3f, 0.8f, -0.8f), 0.8f, diffuse(vec(0.75f, 0.75f, 0.78f)));
    put_ball(maker, vec(between(maker, -0.6f, 0.6f), 0.34f, 2.0f), 0.34f,
             glow(hue(rng_next(&maker->rng), 0.04f), 3.0f));
    scatter(maker, 40, 4.8f, night_surface);
}
